"""What the README tells a developer works as it stands there."""

import re
import subprocess
from pathlib import Path

import aiohttp

from tests.e2e.conftest import Connect, StartServer
from tests.e2e.server import SECRET, clean_environment
from tests.servers import require_program

README = Path(__file__).parent.parent.parent / "README.md"


def token_by_php(tmp_path: Path) -> str:
    (script,) = re.findall(r"```php\n(.*?)```", README.read_text(), re.DOTALL)
    file = tmp_path / "token.php"
    file.write_text(f"<?php\n{script}")
    environment = clean_environment({"AUTH_SECRET": SECRET})
    command = [require_program("php", "php-cli"), str(file)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


async def test_the_token_of_the_php_lines_is_accepted_everywhere(
    start_server: StartServer, connect: Connect, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    server = start_server(AUTH_SECRET=SECRET, API_KEY="an-api-key-of-the-platforms")
    token = token_by_php(tmp_path)
    client = await connect(server)
    reply = await client.ask("auth_success", type="auth", token=token)
    assert (reply["user_id"], reply["name"]) == ("user_42", "Aline Uwase")
    as_the_user = {"Authorization": f"Bearer {token}"}
    as_the_platform = {"Authorization": "Bearer an-api-key-of-the-platforms", "X-Participant": "user_42"}
    for headers in (as_the_user, as_the_platform):
        async with http.get(f"{server.url}/api/conversations", headers=headers) as response:
            assert response.status == 200
