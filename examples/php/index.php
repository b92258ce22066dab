<?php
// A page of the platform: who is logged in, what is unread, and the way to the chat.

declare(strict_types=1);

require __DIR__ . '/session.php';

$text = fn (string $words): string => htmlspecialchars($words, ENT_QUOTES);

bihak_call('PUT', "/api/participants/{$me['user_id']}", ['name' => $me['name']]);
$conversations = bihak_call('GET', '/api/conversations', onBehalfOf: $me['user_id'])['conversations'];
?>
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>The platform</title>
<link rel="icon" href="<?= $text(bihak_setting('BIHAK_URL')) ?>/app/icon.svg">
<p>Hello, <?= $text($me['name']) ?>.</p>
<p><a href="chat.php" target="_blank" rel="noopener noreferrer">Open the chat</a>, or see <a href="widget.php">a page with the chat on it</a>.</p>
<ul>
<?php foreach ($conversations as $conversation): ?>
  <li>
    <a href="chat.php?c=<?= (int) $conversation['conversation_id'] ?>" target="_blank" rel="noopener noreferrer"><?=
      $text($conversation['name'] ?? 'Direct conversation') ?></a>: <?= (int) $conversation['unread'] ?> unread
  </li>
<?php endforeach ?>
</ul>
