"""Tokens and origins: who may connect, and as whom."""

import hmac
import time
from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey, RSAKey
from joserfc.jwt import JWTClaimsRegistry

from bihak.core.identity import Identity, millisecond_of
from bihak.core.limits import Limit, Limits, network_of
from bihak.errors import InvalidToken, SettingsError, TokenExpired
from bihak.protocol.types import Participant, is_web_address

LEEWAY_S = 5
ASYMMETRIC = ["EdDSA", "Ed25519", "ES256", "RS256"]
JWKS_FRESH_S = 300.0
JWKS_RETRY_S = 10.0

MAX_NAME = 200
MOST_KNOWN = 20_000
"""Tokens of which it is remembered that they are good."""

FetchJwks = Callable[[], Awaitable[Any]]
"""Brings the key set as parsed JSON. Raises OSError."""


class TrustedAuthenticator:
    """Believes whoever connects, as the first server did. Implements `Authenticator`."""

    trusting = True

    def recall(self, token: str | None) -> Identity | None:
        return None

    async def verify(self, token: str | None) -> Identity:
        raise InvalidToken("This server runs in trusted mode and checks no tokens.")


class TokenAuthenticator:
    """Checks JSON Web Tokens (RFC 7519). Implements `Authenticator`.

    Each kind of key is only ever tried with its own algorithms (RFC 8725 §3.1): a public key never checks an HMAC.
    """

    trusting = False

    def __init__(
        self,
        *,
        secrets: Sequence[str] = (),
        public_key: str | None = None,
        fetch_jwks: FetchJwks | None = None,
        issuer: str | None = None,
        audience: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._secrets = [OctKey.import_key(secret) for secret in secrets]
        self._public_key = import_public_key(public_key) if public_key else None
        self._fetch_jwks = fetch_jwks
        self._issuer = issuer
        self._audience = audience
        self._clock = clock
        self._jwks: KeySet | None = None
        self._jwks_tried = float("-inf")
        self._known: dict[bytes, tuple[float, Identity]] = {}
        """Of tokens that were accepted, by what they hash to: who they are of, and until when that is believed."""

    def recall(self, token: str | None) -> Identity | None:
        known = self._known.get(_digest(token)) if token is not None else None
        return known[1] if known is not None and self._clock() < known[0] else None

    async def verify(self, token: str | None) -> Identity:
        if token is None:
            raise InvalidToken("A token is needed.")
        identity = self.recall(token)
        if identity is None:
            identity = await self._verify(token)
            self._remember(_digest(token), identity)
        return identity

    def _remember(self, digest: bytes, identity: Identity) -> None:
        """Whoever comes back, comes with the same token, and a signature takes longer than all else.

        Revocations are no matter of the token's. A published key that was withdrawn must end, so that what it signed
        is not believed for longer than the key set is.
        """
        until = identity.expires_at or 0.0
        if self._fetch_jwks is not None:
            until = min(until, self._jwks_tried + JWKS_FRESH_S)
        self._known.pop(digest, None)
        self._known[digest] = (until, identity)
        if len(self._known) > MOST_KNOWN:
            del self._known[next(iter(self._known))]

    async def _verify(self, token: str) -> Identity:
        claims = self._decode(token, self._secrets, ["HS256"])
        if claims is None and self._public_key is not None:
            claims = self._decode(token, [self._public_key], ASYMMETRIC)
        if claims is None and self._fetch_jwks is not None:
            claims = await self._decode_by_jwks(token, self._fetch_jwks)
        if claims is None:
            raise InvalidToken()
        return self._identity(claims)

    def _decode(self, token: str, keys: Sequence[Any], algorithms: list[str]) -> dict[str, Any] | None:
        for key in keys:
            try:
                return dict(jwt.decode(token, key, algorithms=algorithms).claims)
            except (JoseError, ValueError, TypeError, KeyError):
                continue
        return None

    async def _decode_by_jwks(self, token: str, fetch: FetchJwks) -> dict[str, Any] | None:
        """With the keys at hand, and once more with fresh ones: a new key may have been published."""
        claims = self._decode(token, [self._jwks], ASYMMETRIC) if self._jwks is not None else None
        age_s = self._clock() - self._jwks_tried
        if age_s > JWKS_FRESH_S or (claims is None and age_s > JWKS_RETRY_S):
            self._jwks_tried = self._clock()
            try:
                self._jwks = KeySet.import_key_set(await fetch())
            except (OSError, ValueError, JoseError):
                return claims  # the keys at hand go on serving
            claims = self._decode(token, [self._jwks], ASYMMETRIC)
        return claims

    def _identity(self, claims: dict[str, Any]) -> Identity:
        now = self._clock()
        expires_at = claims.get("exp")
        if isinstance(expires_at, bool) or not isinstance(expires_at, int | float):
            raise InvalidToken("The token needs a claim `exp`.")
        required: dict[str, Any] = {
            name: {"essential": True, "value": value}
            for name, value in (("iss", self._issuer), ("aud", self._audience))
            if value
        }
        registry = JWTClaimsRegistry(now=int(now), leeway=LEEWAY_S, **required)
        try:
            registry.validate(claims)
        except ExpiredTokenError:
            raise TokenExpired() from None
        except (JoseError, ValueError, TypeError) as fault:
            raise InvalidToken(f"The token's claims are refused: {fault}") from None
        try:
            participant = Participant.parse(str(claims.get("sub")))
        except ValueError:
            raise InvalidToken("The token's `sub` must be a user_id such as user_123.") from None
        return Identity(
            participant,
            name=_text(claims, "name", MAX_NAME),
            avatar_url=_address(claims, "avatar_url", 2000),
            email=_text(claims, "email", 320),
            expires_at=float(expires_at),
            issued_at=float(claims.get("iat", 0)),
        )


def _digest(token: str) -> bytes:
    return sha256(token.encode(errors="surrogatepass")).digest()


def _text(claims: dict[str, Any], name: str, most: int) -> str | None:
    value = claims.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip() or len(value) > most or "\0" in value:
        raise InvalidToken(f"The token's `{name}` must be a text of 1 to {most} characters.")
    return value.strip()


def _address(claims: dict[str, Any], name: str, most: int) -> str | None:
    text = _text(claims, name, most)
    if text is not None and not is_web_address(text):
        raise InvalidToken(f"The token's `{name}` must begin with https:// or http://.")
    return text


def import_public_key(text: str) -> Any:
    """A PEM public key, or the file that holds one. Raises SettingsError."""
    try:
        pem = text if "BEGIN" in text else Path(text).read_text()
    except OSError as fault:
        raise SettingsError(f"AUTH_PUBLIC_KEY={text} is neither a PEM key nor a readable file: {fault}") from None
    for kind in (OKPKey, ECKey, RSAKey):
        try:
            key = kind.import_key(pem)
        except (JoseError, ValueError, TypeError):
            continue
        if key.is_private:
            raise SettingsError("AUTH_PUBLIC_KEY holds a private key; it takes the public one")
        return key
    raise SettingsError("AUTH_PUBLIC_KEY is no PEM public key; it takes one for EdDSA, ES256 or RS256")


def make_token(
    secret: str, participant: Participant, *, name: str | None, expires_at: int, issued_at: float | None = None
) -> str:
    """An HS256 token for `participant`, made at `issued_at` (else now), valid until `expires_at`.

    Both in seconds since the epoch. With the milliseconds, so that a token made right after a revocation is good.
    """
    made_at = millisecond_of(time.time() if issued_at is None else issued_at) / 1000
    claims: dict[str, Any] = {"sub": participant.user_id, "iat": made_at, "exp": expires_at}
    if name is not None:
        claims["name"] = name
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(secret), algorithms=["HS256"])


class Origins:
    """Which pages may connect, by the Origin header of their browser (RFC 6454)."""

    def __init__(self, allowed: Sequence[str], *, trust_loopback: bool) -> None:
        self._allowed = frozenset(allowed)
        self._trust_loopback = trust_loopback

    def allows(self, origin: str | None, own_host: str, scheme: str) -> bool:
        """Without the header it is no browser, and may. `own_host` is the Host header: name and port."""
        if origin is None:
            return True
        if origin in self._allowed or origin == f"{scheme}://{own_host}":
            return True
        if not self._trust_loopback:
            return False
        try:
            parts = urlsplit(origin)
            port = parts.port
        except ValueError:
            return False
        host = parts.hostname
        plain = f"http://{host}" + (f":{port}" if port is not None else "")
        return host in ("localhost", "127.0.0.1") and origin == plain


class FailedAttempts:
    """Counts the credentials that were refused over HTTP by where they came from, never by whom they claimed to be.

    Only those: a good one is always taken, so nobody is kept out by what others try.
    """

    def __init__(self, limits: Limits, address_of: Callable[[web.Request], str]) -> None:
        self._limits = limits
        self._address_of = address_of

    def count(self, request: web.Request) -> None:
        """Raises RateLimited after too many."""
        self._limits.require(Limit.AUTH, network_of(self._address_of(request)))


class ApiKeys:
    """The platform's own keys."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = [key.encode() for key in keys]

    def match(self, presented: str) -> bool:
        """Whether it is one of them, in the same time for any guess."""
        given = presented.encode(errors="surrogateescape")  # a header may hold any bytes
        return any([hmac.compare_digest(given, key) for key in self._keys])  # noqa: C419 - compares all of them
