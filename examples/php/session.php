<?php
// Who is logged in. A stand-in: use your platform's own session here, and never what a visitor sends.

declare(strict_types=1);

require __DIR__ . '/bihak.php';

session_start();
$_SESSION['me'] ??= ['user_id' => 'user_1', 'name' => 'Aline Uwase'];
$me = $_SESSION['me'];
