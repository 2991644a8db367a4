"""Published test vectors through verify-jws: no verdict may differ from the oracle's."""

import json

import pytest
from bench import VECTORS, run

pytestmark = pytest.mark.skipif(not VECTORS.is_dir(), reason=f"the published vectors are not in {VECTORS}")


def read(name):
    return json.loads((VECTORS / name).read_text())


def wycheproof():
    wanted = {row["tcId"]: row for row in read("oracle/wycheproof_json_web_signature_expected.json")["tests"]}
    for group in read("wycheproof/json_web_signature_test.json")["testGroups"]:
        # Groups of symmetric keys have no public key.
        key = group.get("public", group["private"])
        for test in group["tests"]:
            row = wanted[test["tcId"]]
            yield (test["tcId"], row["rs_reason"]), test["jws"], key, row["rs_expected"]


def cookbook():
    for row in read("oracle/cookbook_rs_expected.json"):
        example = read(row["file"])
        output = example["output"]
        # What has no compact form is handed over as its JSON form.
        yield (row["file"], row["reason"]), output.get("compact") or json.dumps(output), example["input"]["key"], \
            row["rs_expected"]


def rfc7515():
    for case in read("rfc/rfc7515_appendix_a.json")["cases"]:
        yield (case["id"], case["rs_reason"]), case["jws"], case.get("jwk") or case["jwks"]["keys"], case["rs_expected"]


@pytest.mark.parametrize("source, count, accepted", [(wycheproof, 401, 32), (cookbook, 11, 4), (rfc7515, 22, 3)],
                         ids=lambda value: getattr(value, "__name__", None))
def test_verdicts(source, count, accepted):
    cases = list(source())
    # The tables themselves are whole, and hold both verdicts.
    assert (len(cases), sum(case[3] == "accept" for case in cases)) == (count, accepted)
    lines = [json.dumps({"jws": jws if isinstance(jws, str) else json.dumps(jws),
                         "jwks": {"keys": keys if isinstance(keys, list) else [keys]}}) for _, jws, keys, _ in cases]
    outcome = run("verify-jws", stdin="\n".join(lines) + "\n")
    verdicts = [json.loads(line)["verdict"] for line in outcome.out.splitlines()]
    assert len(verdicts) == count
    wrong = [(case[0], verdict) for case, verdict in zip(cases, verdicts) if case[3] != verdict]
    assert wrong == []


def test_seeds_of_fuzzers_get_an_answer_each():
    seeds = [(pair["jwt"], pair["jwks"]) for pair in read("fuzz-seeds/jwt_verify_lib_seeds.json")["pairs"]]
    corpus = read("fuzz-seeds/mod_auth_openidc_seeds.json")
    seeds += [(jwt, jwks) for jwt in corpus["jwt"].values() for jwks in corpus["jwks"].values()]
    lines = []
    for jwt, jwks in seeds:
        lines.append(json.dumps({"jws": jwt, "jwks": jwks}))
        lines.append('{"jws":%s,"jwks":%s}' % (json.dumps(jwt), str(jwks).replace("\n", " ")))
    answers = run("verify-jws", stdin="\n".join(lines) + "\n").out.splitlines()
    assert len(answers) == len(lines) > 20
    assert all(json.loads(answer)["verdict"] in ("accept", "reject") for answer in answers)
