<?php
// Opens the chat as whoever is logged in: a fresh token, handed over behind the `#`, which no server ever sees.

declare(strict_types=1);

require __DIR__ . '/session.php';

$fields = ['token' => bihak_token($me['user_id'], $me['name'])];
if (isset($_GET['c'])) {
    $fields['c'] = (int) $_GET['c'];
}
header('Cache-Control: no-store');
header('Referrer-Policy: no-referrer');
header('Location: ' . bihak_setting('BIHAK_URL') . '/#' . http_build_query($fields), true, 303);
