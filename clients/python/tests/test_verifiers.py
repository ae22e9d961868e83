"""What needs no service: the rest is in tests/verifiers."""

import asyncio
import threading
import unittest

import httpx

from capykeys_verifier import AsyncVerifier, Unavailable, Verifier

URL = "http://service"
GOOD = {
    "valid": True,
    "max_age_ms": 60_000,
    "api_key": {"id": "key_1", "organization_id": "org_1", "scopes": ["jobs:read"]},
}


def good(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json=GOOD)


class Room(unittest.IsolatedAsyncioTestCase):
    async def test_only_so_many_questions_are_under_way(self) -> None:
        answered = asyncio.Event()

        async def waits(request: httpx.Request) -> httpx.Response:
            await answered.wait()
            return good(request)

        client = httpx.AsyncClient(transport=httpx.MockTransport(waits))
        asking = AsyncVerifier(URL, timeout=60, max_questions=2, client=client)
        asked = [asyncio.create_task(asking.verify(key)) for key in ["a", "b"]]
        await asyncio.sleep(0)
        # Where there is room, it would wait for ever.
        with self.assertRaises(Unavailable):
            await asyncio.wait_for(asking.verify("c"), 10)
        answered.set()
        self.assertEqual([caller.key_id for caller in await asyncio.gather(*asked)], ["key_1", "key_1"])
        self.assertEqual((await asking.verify("c")).key_id, "key_1")
        await asking.aclose()


class Tokens(unittest.TestCase):
    def test_a_token_that_does_not_come_keeps_no_key_for_itself(self) -> None:
        ended, calls = threading.Event(), []
        self.addCleanup(ended.set)

        def token() -> str:
            calls.append(None)
            if len(calls) == 1:
                ended.wait()
            return "token"

        client = httpx.Client(transport=httpx.MockTransport(good))
        asking = Verifier(URL, timeout=0.2, token=token, client=client)
        with self.assertRaises(Unavailable):
            asking.verify("a")
        self.assertEqual(asking.verify("a").key_id, "key_1")


class Answers(unittest.TestCase):
    def test_a_project_that_is_no_name_is_no_verdict(self) -> None:
        for project in [7, "", [], {}]:
            answer = {**GOOD, "api_key": {**GOOD["api_key"], "project_id": project}}
            client = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, json=answer)))
            with self.assertRaises(Unavailable, msg=repr(project)):
                Verifier(URL, client=client).verify("a")


if __name__ == "__main__":
    unittest.main()
