<?php
/* Deposits one invoice at Chorus Pro, or at chorus-sim, and waits for its invoice number there. PHP 8 with its curl extension.

       php deposit.php API TOKEN_URL FILE SYNTAX NUMBER

   An answer that is lost does not say whether the invoice has arrived: it is looked for before it is sent again. (For the real portal, look for hours: see protocol.md.) */
declare(strict_types=1);

final class NoAnswer extends Exception {}

function send(string $url, array $headers, string $body): array
{
    $said = [];
    $curl = curl_init($url);
    curl_setopt_array($curl, [
        CURLOPT_POST => true, CURLOPT_POSTFIELDS => $body, CURLOPT_HTTPHEADER => $headers, CURLOPT_RETURNTRANSFER => true, CURLOPT_TIMEOUT => 120, CURLOPT_FOLLOWLOCATION => false,
        CURLOPT_HEADERFUNCTION => function ($_, string $line) use (&$said): int {
            [$name, $value] = explode(':', $line, 2) + [1 => ''];
            $said[strtolower($name)] = trim($value);
            return strlen($line);
        },
    ]);
    $answer = curl_exec($curl);
    if ($answer === false) {
        throw new NoAnswer(curl_error($curl));
    }
    $status = curl_getinfo($curl, CURLINFO_RESPONSE_CODE);
    if ($status !== 200) {
        fail("HTTP $status: " . ($said['x-chorus-sim'] ?? ''));
    }
    return json_decode($answer, true, flags: JSON_THROW_ON_ERROR);
}

function fail(string $why): never
{
    fwrite(STDERR, "$why\n");
    exit(1);
}

function setting(string $name, string $otherwise): string
{
    return getenv($name) ?: $otherwise;
}

[, $api, $tokenURL, $path, $syntax, $number] = $argv;
$form = http_build_query([
    'grant_type' => 'client_credentials', 'client_id' => setting('PISTE_CLIENT_ID', 'sim'), 'client_secret' => setting('PISTE_CLIENT_SECRET', 'sim-secret'), 'scope' => 'openid',
]);
$token = send($tokenURL, ['Content-Type: application/x-www-form-urlencoded'], $form)['access_token'];
$account = base64_encode(setting('CHORUS_LOGIN', 'TECH_SIM@cpro.fr') . ':' . setting('CHORUS_PASSWORD', 'sim-password'));

$call = fn (string $route, array $body): array => send("$api/cpro/$route", [
    "Authorization: Bearer $token", "cpro-account: $account", 'Content-Type: application/json;charset=utf-8', 'Expect:',
], json_encode($body, JSON_THROW_ON_ERROR));

$found = fn (): array => array_values(array_filter(
    $call('factures/v1/rechercher/fournisseur', ['numeroFacture' => $number])['listeFactures'] ?? [],
    fn (array $row): bool => $row['numeroFacture'] === $number,
));

$flux = null;
for ($attempt = 0; $attempt < 3 && $flux === null; $attempt++) {
    try {
        $answer = $call('factures/v1/deposer/flux', [
            'fichierFlux' => base64_encode(file_get_contents($path)), 'nomFichier' => basename($path), 'syntaxeFlux' => $syntax, 'avecSignature' => false,
        ]);
        if (($answer['codeRetour'] ?? null) !== 0) {
            fail('refused: ' . ($answer['libelle'] ?? ''));
        }
        $flux = $answer['numeroFluxDepot'];
    } catch (NoAnswer $error) { // nobody knows whether it has arrived
        echo 'no answer (', $error->getMessage(), "): looking for it\n";
        for ($look = 0; $look < 20 && $flux === null; $look++, usleep(100_000)) {
            if ($rows = $found()) {
                echo "it has arrived: not sent again\n";
                $flux = $rows[0]['numeroFluxDepot'];
            }
        }
    }
}
if ($flux === null) {
    fail('three times no answer');
}
for ($look = 0; $look < 100; $look++, usleep(100_000)) {
    $report = $call('transverses/v1/consulterCRDetaille', ['numeroFluxDepot' => $flux]);
    $state = $report['etatCourantDepotFlux'] ?? '';
    if ($state === 'IN_REJETE' || $state === 'IN_INTEGRE_PARTIEL') {
        $errors = array_merge($report['listeErreurTechnique'] ?? [], $report['listeErreurDP'] ?? []);
        fail("$state: " . implode('; ', array_map(fn (array $e): string => $e['libelleErreurDP'] ?? $e['libelleErreur'] ?? '', $errors)));
    }
    if ($state === 'IN_INTEGRE' && $rows = $found()) {
        echo "$state {$rows[0]['statut']}\n";
        exit(0);
    }
}
fail('not integrated in time');
