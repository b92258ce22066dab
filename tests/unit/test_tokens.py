"""Who a token lets in, and who it does not."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

from bihak.errors import ChatError, InvalidToken, SettingsError, TokenExpired
from bihak.protocol.types import Participant
from bihak.transports import auth
from bihak.transports.auth import (
    JWKS_FRESH_S,
    LEEWAY_S,
    ApiKeys,
    TokenAuthenticator,
    TrustedAuthenticator,
    import_public_key,
    make_token,
)

SECRET, OLD_SECRET = "new" * 16, "old" * 16
NOW = 1_800_000_000.0
RSA_KEY = RSAKey.generate_key(2048)


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def forge(header: dict[str, Any], claims: dict[str, Any], secret: bytes | None = None) -> str:
    """A token put together by hand; without a secret its signature is empty."""
    body = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}"
    return f"{body}.{b64(hmac.new(secret, body.encode(), hashlib.sha256).digest()) if secret else ''}"


def signed(secret: str = SECRET, **claims: Any) -> str:
    fields = {"sub": "user_123", "exp": NOW + 60, **claims}
    return forge({"alg": "HS256", "typ": "JWT"}, {k: v for k, v in fields.items() if v is not ...}, secret.encode())


def authenticator(**how: Any) -> TokenAuthenticator:
    return TokenAuthenticator(**{"secrets": [SECRET], "clock": lambda: NOW, **how})


async def refused(token: str | None, **how: Any) -> ChatError:
    with pytest.raises(ChatError) as caught:
        await authenticator(**how).verify(token)
    return caught.value


async def test_a_signed_token_says_who_it_is_for() -> None:
    claims = {"name": " Aline ", "avatar_url": "https://a.example/x.png", "email": "a@b.example"}
    identity = await authenticator().verify(signed(**claims))
    assert identity.participant == Participant("user", 123)
    assert (identity.name, identity.avatar_url, identity.email) == ("Aline", "https://a.example/x.png", "a@b.example")
    assert identity.expires_at == NOW + 60


async def test_a_made_token_is_accepted() -> None:
    token = make_token(SECRET, Participant("mentor", 7), name="Grace", expires_at=int(time.time()) + 60)
    identity = await TokenAuthenticator(secrets=[SECRET]).verify(token)
    assert (identity.participant.user_id, identity.name) == ("mentor_7", "Grace")


async def test_a_made_token_is_from_the_millisecond_in_which_it_was_made() -> None:
    made_at, expires_at = NOW + 0.1009, int(NOW) + 60
    token = make_token(SECRET, Participant("user", 1), name=None, expires_at=expires_at, issued_at=made_at)
    identity = await authenticator(clock=lambda: NOW + 1).verify(token)
    assert identity.issued_at == NOW + 0.1, "rounded up it could be from after a revocation that followed"


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", None, 5])
async def test_a_token_without_a_signature_is_refused(alg: Any) -> None:
    claims = {"sub": "user_1", "exp": NOW + 60}
    for secret in (None, SECRET.encode(), b"x"):
        assert isinstance(await refused(forge({"alg": alg}, claims, secret)), InvalidToken)


@pytest.mark.parametrize("token", [None, "", ".", "..", "a.b.c", "x" * 5000, "é.é.é", "a.b.c.d.e", "\0"])
async def test_what_is_no_token_is_refused(token: str | None) -> None:
    assert isinstance(await refused(token), InvalidToken)


async def test_a_token_signed_with_another_secret_or_altered_is_refused() -> None:
    good = signed()
    head, body, signature = good.split(".")
    other = b64(json.dumps({"sub": "admin_1", "exp": NOW + 60}).encode())
    for token in (
        signed("x" * 32),
        f"{head}.{other}.{signature}",
        f"{head}.{body}.",
        f"{head}.{body}.{signature[:-3]}AAA",
    ):
        assert isinstance(await refused(token), InvalidToken)


async def test_a_public_key_never_checks_an_hmac() -> None:
    """RFC 8725 §2.1: what everyone knows must not become a secret."""
    pem = RSA_KEY.as_pem(private=False)
    claims = {"sub": "admin_1", "exp": NOW + 60}
    for secret in (pem, pem.strip(), RSA_KEY.as_der(private=False)):
        token = forge({"alg": "HS256"}, claims, secret)
        assert isinstance(await refused(token, secrets=[], public_key=pem.decode()), InvalidToken)
        assert isinstance(await refused(token, public_key=pem.decode()), InvalidToken)


TRICKS: dict[str, dict[str, Any]] = {
    "a kid that is a path": {"kid": "../../../../dev/null"},
    "a kid that is SQL": {"kid": "' UNION SELECT 'x"},
    "a kid that is an address": {"kid": "https://evil.example/key"},
    "a kid that is a list": {"kid": ["x"]},
    "a kid that is null": {"kid": None},
    "a kid that is a number": {"kid": 0},
    "a key of its own": {"jwk": {"kty": "oct", "k": b64(b"x" * 32)}},
    "keys from elsewhere": {"jku": "https://evil.example/jwks.json"},
    "a certificate from elsewhere": {"x5u": "https://evil.example/cert.pem", "x5c": ["MIIB"]},
    "a critical extension": {"crit": ["exp"], "exp": 0},
    "a body that is not encoded": {"b64": False, "crit": ["b64"]},
}


@pytest.mark.parametrize("header", TRICKS.values(), ids=TRICKS)
async def test_what_a_header_says_of_keys_is_not_believed(header: dict[str, Any]) -> None:
    claims = {"sub": "admin_1", "exp": NOW + 60}
    key = ECKey.generate_key("P-256", {"kid": "one"})
    platform = Jwks(key)
    for secret in (b"", b"x" * 32, b"\0", key.as_pem(private=False)):
        token = forge({"alg": "HS256", **header}, claims, secret or None)
        assert isinstance(await refused(token), InvalidToken)
        assert isinstance(await refused(token, secrets=[], fetch_jwks=platform), InvalidToken)
    forged = jwt.encode({"alg": "ES256"}, {"sub": "admin_1", "exp": int(NOW) + 60}, ECKey.generate_key("P-256"))
    head = b64(json.dumps({"alg": "ES256", **header}).encode())
    assert isinstance(
        await refused(f"{head}.{forged.partition('.')[2]}", secrets=[], fetch_jwks=platform), InvalidToken
    )


@pytest.mark.parametrize("alg", ["HS384", "HS512", "RS256", "ES256"])
async def test_an_hmac_token_uses_the_one_algorithm_that_is_allowed(alg: str) -> None:
    assert isinstance(
        await refused(forge({"alg": alg}, {"sub": "user_1", "exp": NOW + 60}, SECRET.encode())), InvalidToken
    )


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")  # the platforms that use that name are not
async def test_public_keys_of_each_kind_are_accepted_and_no_other_of_their_kind() -> None:
    for kind, alg, arguments in (
        (RSAKey, "RS256", (2048,)),
        (ECKey, "ES256", ("P-256",)),
        (OKPKey, "EdDSA", ("Ed25519",)),
    ):
        key, stranger = kind.generate_key(*arguments), kind.generate_key(*arguments)
        pem = key.as_pem(private=False).decode()
        claims = {"sub": "user_5", "exp": int(NOW) + 60}
        good, bad = (jwt.encode({"alg": alg}, claims, each, algorithms=[alg]) for each in (key, stranger))
        identity = await authenticator(secrets=[], public_key=pem).verify(good)
        assert identity.participant.user_id == "user_5"
        assert isinstance(await refused(bad, secrets=[], public_key=pem), InvalidToken)
        # The secret of a platform that moves to keys goes on working beside them.
        assert (await authenticator(public_key=pem).verify(signed())).participant.user_id == "user_123"


async def test_both_secrets_work_while_they_are_exchanged() -> None:
    both = {"secrets": [SECRET, OLD_SECRET]}
    for secret in (SECRET, OLD_SECRET):
        assert (await authenticator(**both).verify(signed(secret))).participant.user_id == "user_123"
    assert isinstance(await refused(signed(OLD_SECRET)), InvalidToken)


async def test_an_expired_token_is_told_so_after_a_few_seconds_of_leeway() -> None:
    await authenticator().verify(signed(exp=NOW - 4))
    for exp in (NOW - 6, NOW - 3600, 0, 1.5):
        assert isinstance(await refused(signed(exp=exp)), TokenExpired), exp


@pytest.mark.parametrize("exp", [..., None, "soon", "1800000060", True, [NOW + 60], {}, 1e400])
async def test_a_token_needs_an_expiry(exp: Any) -> None:
    assert isinstance(await refused(signed(exp=exp)), InvalidToken)


async def test_a_token_for_later_is_refused() -> None:
    await authenticator().verify(signed(nbf=NOW + 4))
    for nbf in (NOW + 60, "now"):
        assert isinstance(await refused(signed(nbf=nbf)), InvalidToken)


async def test_the_issuer_and_the_audience_must_be_ours_where_they_are_set() -> None:
    ours = {"issuer": "https://platform.example", "audience": "bihak"}
    good: dict[str, Any] = {"iss": "https://platform.example", "aud": "bihak"}
    await authenticator(**ours).verify(signed(**good))
    await authenticator(**ours).verify(signed(**good | {"aud": ["other", "bihak"]}))
    wrong: list[tuple[str, Any]] = [("iss", ...), ("iss", "https://platform.example.evil"), ("aud", ...)]
    wrong += [("aud", "other"), ("aud", []), ("aud", 1)]
    for name, value in wrong:
        assert isinstance(await refused(signed(**good | {name: value}), **ours), InvalidToken), (name, value)


@pytest.mark.parametrize(
    "sub", [..., None, "", "123", 123, "user_0", "user_01", "user", "user_1 ", "user_1\n", "USER_1", ["user_1"], True]
)
async def test_a_subject_must_be_a_user_id(sub: Any) -> None:
    assert isinstance(await refused(signed(sub=sub)), InvalidToken)


@pytest.mark.parametrize(
    "claims", [{"name": 5}, {"name": " "}, {"name": "x" * 201}, {"name": "a\0b"}, {"email": ["x"]}]
)
async def test_what_a_token_says_of_a_person_must_fit(claims: dict[str, Any]) -> None:
    assert isinstance(await refused(signed(**claims)), InvalidToken)


@pytest.mark.parametrize("claims", ["text", ["sub"], 5, None])
async def test_claims_must_be_an_object(claims: Any) -> None:
    head = b64(json.dumps({"alg": "HS256"}).encode())
    body = f"{head}.{b64(json.dumps(claims).encode())}"
    token = f"{body}.{b64(hmac.new(SECRET.encode(), body.encode(), hashlib.sha256).digest())}"
    assert isinstance(await refused(token), InvalidToken)


class Jwks:
    """A platform that publishes its keys."""

    def __init__(self, *keys: Any) -> None:
        self.keys = keys
        self.fetched = 0
        self.is_down = False

    async def __call__(self) -> Any:
        self.fetched += 1
        if self.is_down:
            raise OSError("down")
        return KeySet(list(self.keys)).as_dict(private=False)


async def test_published_keys_are_fetched_kept_and_fetched_again_for_a_new_one() -> None:
    now = [NOW]
    first, second = (ECKey.generate_key("P-256", {"kid": name}) for name in ("one", "two"))
    platform = Jwks(first)
    checks = authenticator(secrets=[], fetch_jwks=platform, clock=lambda: now[0])

    def token(key: Any) -> str:
        return jwt.encode(
            {"alg": "ES256", "kid": key.kid}, {"sub": "user_5", "exp": int(now[0]) + 60}, key, algorithms=["ES256"]
        )

    for _ in range(3):
        await checks.verify(token(first))
    assert platform.fetched == 1
    platform.keys = (first, second)
    now[0] += 60
    await checks.verify(token(second))
    assert platform.fetched == 2
    for _ in range(5):
        with pytest.raises(InvalidToken):
            await checks.verify(token(ECKey.generate_key("P-256", {"kid": "three"})))
    assert platform.fetched == 2, "a flood of bad tokens must not become a flood of fetches"
    platform.is_down = True
    now[0] += 3600
    await checks.verify(token(first))


async def test_a_token_is_checked_once_and_believed_until_it_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    now, checked, decode = [NOW], [], jwt.decode

    def counting(token: str, *rest: Any, **options: Any) -> Any:
        checked.append(token)
        return decode(token, *rest, **options)

    monkeypatch.setattr(jwt, "decode", counting)
    checks, token = authenticator(clock=lambda: now[0]), signed(name="Aline")
    first = await checks.verify(token)
    assert [await checks.verify(token) for _ in range(3)] == [first] * 3
    assert checked == [token]
    for other in (signed(name="Bosco"), token[:-2] + "AA"):  # as much as one character less is another token
        try:
            assert (await checks.verify(other)).name == "Bosco"
        except InvalidToken:
            assert other != signed(name="Bosco")
    now[0] += 60 + LEEWAY_S + 1
    with pytest.raises(TokenExpired):
        await checks.verify(token)


async def test_what_a_withdrawn_key_signed_is_believed_no_longer_than_the_key_set() -> None:
    now, key = [NOW], ECKey.generate_key("P-256", {"kid": "one"})
    platform = Jwks(key)
    checks = authenticator(secrets=[], fetch_jwks=platform, clock=lambda: now[0])
    claims = {"sub": "user_5", "exp": int(NOW) + 86_400}
    token = jwt.encode({"alg": "ES256", "kid": "one"}, claims, key, algorithms=["ES256"])
    await checks.verify(token)
    platform.keys = (ECKey.generate_key("P-256", {"kid": "two"}),)
    now[0] += JWKS_FRESH_S + 1
    with pytest.raises(InvalidToken):
        await checks.verify(token)


async def test_only_so_many_tokens_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "MOST_KNOWN", 3)
    checks = authenticator()
    for number in range(1, 8):
        assert (await checks.verify(signed(sub=f"user_{number}"))).participant.id == number
    assert len(checks._known) == 3


async def test_trusted_mode_takes_no_tokens() -> None:
    with pytest.raises(InvalidToken):
        await TrustedAuthenticator().verify(signed())


def test_a_key_that_is_none_or_private_is_refused_at_start() -> None:
    for text in ("-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----", "/no/such/file.pem"):
        with pytest.raises(SettingsError, match="AUTH_PUBLIC_KEY"):
            import_public_key(text)
    with pytest.raises(SettingsError, match="private key"):
        import_public_key(RSA_KEY.as_pem(private=True).decode())


def test_api_keys_match_exactly() -> None:
    keys = ApiKeys(["first-key", "clé"])
    assert keys.match("first-key")
    assert keys.match("clé")
    for presented in ("", "first-ke", "first-key ", "FIRST-KEY", "first-key,clé"):
        assert not keys.match(presented)
    assert not ApiKeys([]).match("")
