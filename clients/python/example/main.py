import os

import uvicorn
from fastapi import Depends, FastAPI

from capykeys_verifier import AsyncVerifier, Caller
from capykeys_verifier.starlette import Refusal, RequireKey, refuse

verifier = AsyncVerifier(os.environ["CAPYKEYS_URL"])
app = FastAPI()
app.add_exception_handler(Refusal, refuse)


@app.get("/jobs")
async def jobs(caller: Caller = Depends(RequireKey(verifier, "jobs:read"))) -> str:
    return f"the jobs of {caller.organization_id}"


host, port = os.environ["LISTEN"].split(":")
uvicorn.run(app, host=host, port=int(port))
