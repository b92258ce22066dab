<?php
// Answers with a token for whoever is logged in: what the widget's data-token-url names.

declare(strict_types=1);

require __DIR__ . '/session.php';

header('Content-Type: application/json');
header('Cache-Control: no-store');
echo json_encode(['token' => bihak_token($me['user_id'], $me['name'])], JSON_THROW_ON_ERROR);
