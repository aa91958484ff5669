#!/usr/bin/env python3
"""The handler that a person would write first, with the standard library and Lambda's runtime API, for comparison with the
function: it searches for flagged contacts, and sends each and resets its flag, one after the other.

It has none of the function's guarantees: a contact isn't marked before it is sent, so whatever dies between the lead and the
reset flag sends it twice; nothing is looked up, retried, paced or checked; it takes one page of a search.
"""

import http.client
import json
import os
import urllib.parse

PORT = {"https": http.client.HTTPSConnection, "http": http.client.HTTPConnection}


class Api:
    """A connection that is kept open."""

    def __init__(self, base: str, headers: dict) -> None:
        url = urllib.parse.urlsplit(base)
        self.connection = PORT[url.scheme](url.netloc, timeout=30)
        self.headers = {"content-type": "application/json", **headers}

    def call(self, method: str, path: str, body: dict | None = None, headers: dict | None = None) -> tuple[dict, dict]:
        text = None if body is None else json.dumps(body)
        self.connection.request(method, path, text, {**self.headers, **(headers or {})})
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status}")
        return json.loads(content or b"{}"), dict(answer.getheaders())


def read_secret() -> dict:
    # What boto3 does, without signing: the stub doesn't check it.
    api = Api(os.environ["AWS_ENDPOINT_URL"], {"x-amz-target": "secretsmanager.GetSecretValue"})
    answer, _ = api.call("POST", "/", {"SecretId": os.environ["SECRET_ARN"]})
    return json.loads(answer["SecretString"])


def sync(hubspot: Api, destination: Api, path: str) -> int:
    flag = os.environ["HUBSPOT_FLAG_PROPERTY"]
    search = {
        "filterGroups": [{"filters": [{"propertyName": flag, "operator": "EQ", "value": "true"}]}],
        "properties": ["firstname", "lastname", "email", "phone"],
        "sorts": [], "limit": 200, "after": "0",
    }
    synced = 0
    while True:
        found, _ = hubspot.call("POST", "/crm/objects/2026-09/contacts/search", search)
        for contact in found["results"]:
            values = contact["properties"]
            destination.call("POST", path, {"email": values.get("email"), "name": values.get("firstname")})
            hubspot.call("PATCH", f"/crm/objects/2026-09/contacts/{contact['id']}", {"properties": {flag: "false"}})
            synced += 1
        if not found["results"]:
            return synced


def main() -> None:
    runtime = Api("http://" + os.environ["AWS_LAMBDA_RUNTIME_API"], {})
    config = json.loads(os.environ["SYNC_CONFIG"])
    lead = urllib.parse.urlsplit(config["destination"]["url"])
    secret = hubspot = destination = None
    while True:
        _, headers = runtime.call("GET", "/2018-06-01/runtime/invocation/next")
        if secret is None:
            secret = read_secret()
        # As the function does: connections end with the run, because Lambda freezes the process between two.
        hubspot = Api(os.environ["HUBSPOT_BASE_URI"], {"authorization": "Bearer " + secret["HUBSPOT_TOKEN"]})
        destination = Api(f"{lead.scheme}://{lead.netloc}", {"authorization": "Bearer " + secret["DESTINATION_CREDENTIAL"]})
        synced = sync(hubspot, destination, lead.path)
        invocation = {name.lower(): value for name, value in headers.items()}["lambda-runtime-aws-request-id"]
        runtime.call("POST", f"/2018-06-01/runtime/invocation/{invocation}/response", {"synced": synced})


if __name__ == "__main__":
    main()
