"""Deposits one invoice at Chorus Pro, or at chorus-sim, and waits for its invoice number there. Python 3 and nothing else.

    python3 deposit.py API TOKEN_URL FILE SYNTAX NUMBER

An answer that is lost does not say whether the invoice has arrived: it is looked for before it is sent again. (For the real portal, look for hours: see protocol.md.)
"""

import base64
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

ACCOUNT = os.environ.get("CHORUS_LOGIN", "TECH_SIM@cpro.fr") + ":" + os.environ.get("CHORUS_PASSWORD", "sim-password")
CLIENT = os.environ.get("PISTE_CLIENT_ID", "sim"), os.environ.get("PISTE_CLIENT_SECRET", "sim-secret")


def token(url):
    form = {"grant_type": "client_credentials", "client_id": CLIENT[0], "client_secret": CLIENT[1], "scope": "openid"}
    with urllib.request.urlopen(url, urllib.parse.urlencode(form).encode(), timeout=30) as answer:
        return json.load(answer)["access_token"]


def call(api, bearer, route, body):
    request = urllib.request.Request(api + "/cpro/" + route, json.dumps(body).encode(), {
        "Authorization": "Bearer " + bearer,
        "cpro-account": base64.b64encode(ACCOUNT.encode()).decode(),
        "Content-Type": "application/json;charset=utf-8",
    })
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)


def found(api, bearer, number):
    answer = call(api, bearer, "factures/v1/rechercher/fournisseur", {"numeroFacture": number})
    return [f for f in answer.get("listeFactures") or [] if f["numeroFacture"] == number]


def main(api, token_url, path, syntax, number):
    bearer = token(token_url)
    with open(path, "rb") as file:
        body = {"fichierFlux": base64.b64encode(file.read()).decode(), "nomFichier": os.path.basename(path), "syntaxeFlux": syntax, "avecSignature": False}
    flux = None
    for attempt in range(3):
        try:
            answer = call(api, bearer, "factures/v1/deposer/flux", body)
            if answer.get("codeRetour") != 0:
                sys.exit("refused: " + answer["libelle"])
            flux = answer["numeroFluxDepot"]
            break
        except urllib.error.HTTPError as error:
            sys.exit("HTTP %d: %s" % (error.code, error.headers.get("X-Chorus-Sim", "")))
        except OSError as error:  # nobody knows whether it has arrived
            print("no answer (%s): looking for it" % type(error).__name__)
            for _ in range(20):
                rows = found(api, bearer, number)
                if rows:
                    print("it has arrived: not sent again")
                    flux = rows[0]["numeroFluxDepot"]
                    break
                time.sleep(0.1)
            if flux:
                break
    if not flux:
        sys.exit("three times no answer")
    for _ in range(100):
        report = call(api, bearer, "transverses/v1/consulterCRDetaille", {"numeroFluxDepot": flux})
        state = report.get("etatCourantDepotFlux")
        if state in ("IN_REJETE", "IN_INTEGRE_PARTIEL"):
            errors = (report.get("listeErreurTechnique") or []) + (report.get("listeErreurDP") or [])
            sys.exit(state + ": " + "; ".join(e.get("libelleErreurDP") or e.get("libelleErreur") or "" for e in errors))
        if state == "IN_INTEGRE":
            print(state, found(api, bearer, number)[0]["statut"])
            return
        time.sleep(0.1)
    sys.exit("not integrated in time")


if __name__ == "__main__":
    main(*sys.argv[1:])
