<?php
// A page of the platform with the chat in its corner. Of the script nothing but its address is the chat's.

declare(strict_types=1);

require __DIR__ . '/session.php';

$text = fn (string $words): string => htmlspecialchars($words, ENT_QUOTES);
?>
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The platform, with the chat on it</title>
<link rel="icon" href="<?= $text(bihak_setting('BIHAK_URL')) ?>/app/icon.svg">
<script src="<?= $text(bihak_setting('BIHAK_URL')) ?>/widget.js" data-token-url="token.php"
  data-user="<?= $text($me['user_id']) ?>" async></script>
<h1>Hello, <?= $text($me['name']) ?></h1>
<p><button type="button" data-bihak-open>All messages</button></p>
