#!/bin/sh
# Deposits one invoice at Chorus Pro, or at chorus-sim, and waits for its invoice number there. A shell, curl, sed and base64; files of any size; Linux and macOS.
#
#     sh deposit.sh API TOKEN_URL FILE SYNTAX NUMBER
#
# An answer that is lost does not say whether the invoice has arrived: it is looked for before it is sent again. (For the real portal, look for hours: see protocol.md.)
set -u
api=$1 token_url=$2 file=$3 syntax=$4 number=$5

text() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" | head -n 1; }
fail() { echo "$1" >&2; exit 1; }

# Secrets go by standard input: other users of the machine see the arguments of a program.
config() { printf 'header = "Authorization: Bearer %s"\nheader = "cpro-account: %s"\nheader = "Content-Type: application/json;charset=utf-8"\n' "$token" "$account"; }
call() { # ROUTE, the body by standard input
    cat > "$dir/body" && config | curl -sS --fail-with-body -K - --max-time 120 "$api/cpro/$1" --data-binary "@$dir/body"
}
found() { printf '{"numeroFacture":"%s"}' "$number" | call factures/v1/rechercher/fournisseur | tr '{' '\n' | grep "\"numeroFacture\":\"$number\""; }

dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
printf 'grant_type=client_credentials&scope=openid&client_id=%s&client_secret=%s' "${PISTE_CLIENT_ID:-sim}" "${PISTE_CLIENT_SECRET:-sim-secret}" > "$dir/form"
token=$(curl -sS --max-time 30 "$token_url" --data-binary "@$dir/form" | text access_token)
[ -n "$token" ] || fail "no token"
account=$(printf '%s:%s' "${CHORUS_LOGIN:-TECH_SIM@cpro.fr}" "${CHORUS_PASSWORD:-sim-password}" | base64 | tr -d '\n')

flux=
for attempt in 1 2 3; do
    { printf '{"nomFichier":"%s","syntaxeFlux":"%s","avecSignature":false,"fichierFlux":"' "$(basename "$file")" "$syntax"; base64 < "$file" | tr -d '\n'; printf '"}'; } | call factures/v1/deposer/flux > "$dir/answer"
    status=$?
    flux=$(text numeroFluxDepot < "$dir/answer")
    [ -z "$flux" ] || break
    case $status in
    0 | 22) fail "refused: $(cat "$dir/answer")" ;;
    esac
    echo "no answer (curl $status): looking for it" # nobody knows whether it has arrived
    for look in 1 2 3 4 5 6 7 8 9 10; do
        flux=$(found | text numeroFluxDepot)
        [ -z "$flux" ] || { echo "it has arrived: not sent again"; break 2; }
        sleep 0.2
    done
done
[ -n "$flux" ] || fail "three times no answer"

look=0
while [ $look -lt 100 ]; do
    report=$(printf '{"numeroFluxDepot":"%s"}' "$flux" | call transverses/v1/consulterCRDetaille)
    state=$(echo "$report" | text etatCourantDepotFlux)
    case $state in
    IN_INTEGRE) echo "$state $(found | text statut)"; exit 0 ;;
    IN_REJETE | IN_INTEGRE_PARTIEL) fail "$state: $(echo "$report" | text libelleErreurDP)" ;;
    esac
    look=$((look + 1))
    sleep 0.1
done
fail "not integrated in time"
