#!/usr/bin/env python3
"""vectors.py FOLDER VECTORS: writes inputs of the fuzz targets that come of the published test vectors in the folder VECTORS;
none where it is not there. FOLDER is as that of seeds.py."""

import base64
import json
import pathlib
import sys

from seeds import Folder


def write_vectors(folder, vectors):
    def read(name):
        return json.loads((vectors / name).read_text())

    def pair(name, jws, keys):
        document = json.dumps(keys if "keys" in keys else {"keys": keys if isinstance(keys, list) else [keys]})
        folder.add("jws", name, jws if isinstance(jws, str) else json.dumps(jws), "\n", document)
        folder.add("jwks", name, document)

    for group in read("wycheproof/json_web_signature_test.json")["testGroups"]:
        for test in group["tests"]:
            pair(f"wycheproof-{test['tcId']}", test["jws"], group.get("public", group["private"]))
    for row in read("oracle/cookbook_rs_expected.json"):
        example = read(row["file"])
        pair("cookbook-" + row["file"].replace("/", "-"), example["output"].get("compact") or example["output"],
             example["input"]["key"])
    for case in read("rfc/rfc7515_appendix_a.json")["cases"]:
        pair(case["id"], case["jws"], case.get("jwk") or case["jwks"])
    for entry in read("fuzz-seeds/jwt_verify_lib_seeds.json")["pairs"]:
        folder.add("jws", f"jwt-verify-{entry['name']}", entry["jwt"], "\n", entry["jwks"])
    corpus = read("fuzz-seeds/mod_auth_openidc_seeds.json")
    for name, jwt in corpus["jwt"].items():
        for keys, document in corpus["jwks"].items():
            folder.add("jws", f"openidc-{name}-{keys}", jwt, "\n", document)
    for name, document in corpus["jwks"].items():
        folder.add("jwks", f"openidc-{name}", document)
    for name, text in corpus["base64"].items():
        folder.add("base64url", f"openidc-{name}", text)
    keys = read("rfc/rfc7517_7638_8037_keys.json")
    for row in keys["thumbprints"]:
        folder.add("jwks", f"thumbprint-{row['id']}", json.dumps({"keys": [row["jwk"]]}))
    binding = read("rfc/rfc8705_appendix_a.json")
    for i, case in enumerate(binding["cnf_cases"]):
        folder.add("claims", f"rfc8705-{i}", "cnf\n", json.dumps({"cnf": case.get("cnf")}))
    folder.add("names", "der-rfc8705", "0CN=mtls\n", base64.b64decode(binding["certificate_der_b64"]))


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    vectors = pathlib.Path(sys.argv[2])
    if vectors.is_dir():
        write_vectors(Folder(sys.argv[1]), vectors)


if __name__ == "__main__":
    main()
