<?php
// Bihak Messaging from PHP: tokens for people, and the HTTP API. Plain PHP 8, nothing to install.

declare(strict_types=1);

/** A setting from the environment of the web server. */
function bihak_setting(string $name): string
{
    $value = getenv($name);
    if ($value === false || $value === '') {
        throw new RuntimeException("$name is not set");
    }
    return $value;
}

/**
 * A token that says who somebody is, such as "user_123": a JSON Web Token (RFC 7519), HS256.
 * Short-lived, because it is made anew each time somebody opens the chat.
 */
function bihak_token(string $userId, ?string $name = null, int $validSeconds = 3600): string
{
    $encode = fn (string $bytes): string => rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
    $json = fn (array $fields): string => json_encode($fields, JSON_THROW_ON_ERROR | JSON_UNESCAPED_UNICODE);
    $claims = ['sub' => $userId, 'iat' => time(), 'exp' => time() + $validSeconds];
    if ($name !== null) {
        $claims['name'] = $name;
    }
    $signed = $encode($json(['alg' => 'HS256', 'typ' => 'JWT'])) . '.' . $encode($json($claims));
    return $signed . '.' . $encode(hash_hmac('sha256', $signed, bihak_setting('BIHAK_AUTH_SECRET'), true));
}

/**
 * Calls the HTTP API with the API key and returns the reply's fields.
 * $onBehalfOf is the participant who asks; the platform's own commands take none.
 */
function bihak_call(string $method, string $path, ?array $body = null, ?string $onBehalfOf = null): array
{
    $headers = ['Authorization: Bearer ' . bihak_setting('BIHAK_API_KEY'), 'Content-Type: application/json'];
    if ($onBehalfOf !== null) {
        $headers[] = "X-Participant: $onBehalfOf";
    }
    $context = stream_context_create(['http' => [
        'method' => $method,
        'header' => $headers,
        'content' => $body === null ? '' : json_encode($body, JSON_THROW_ON_ERROR),
        'ignore_errors' => true, // an error's body says what is wrong
        'follow_location' => 0,
        'timeout' => 5,
    ]]);
    $answer = @file_get_contents(bihak_setting('BIHAK_URL') . $path, false, $context);
    if ($answer === false) {
        throw new RuntimeException('Bihak Messaging cannot be reached');
    }
    $fields = $answer === '' ? [] : json_decode($answer, true, flags: JSON_THROW_ON_ERROR);
    if (isset($fields['error'])) {
        throw new RuntimeException("{$fields['error']['code']}: {$fields['error']['message']}");
    }
    return $fields;
}
