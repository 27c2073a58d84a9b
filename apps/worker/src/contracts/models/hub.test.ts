// Contract of the search for models at the hub: who may search, which searches are accepted, and what the log keeps.
import { createTokenTable } from "@waggle/daemon/tokens";
import { ErrorBodySchema } from "@waggle/protocol";
import type { ErrorBody } from "@waggle/protocol";
import { expect, test } from "vitest";
import { useInlineWorker } from "../../testing/use-worker.ts";

const { worker, start, call } = useInlineWorker();

const aliceToken = "alice-secret-of-some-length";
const adminToken = "admin-secret-of-some-length";

async function refusal(path: string, token?: string): Promise<ErrorBody["error"]> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return ErrorBodySchema.parse(await (await call("POST", path, undefined, headers)).json()).error;
}

test.each(["/v1/hub/models?query=bees", "/v1/hub/files?repo=hf:bees/story"])(
  "%s needs an admin token",
  async (path) => {
    const tokens = createTokenTable([
      { name: "alice", token: aliceToken },
      { name: "root", token: adminToken, admin: true },
    ]);
    start({ access: { localMode: false, tokens: () => tokens } });
    expect(await refusal(path, aliceToken)).toMatchObject({ code: "forbidden" });
    expect(await refusal(path, adminToken)).toMatchObject({ code: "unavailable", message: /offline/ });
  },
);

test.each([
  ["/v1/hub/models", 'Cannot accept field "query": it must not be empty.'],
  ["/v1/hub/models?query=%20", 'Cannot accept field "query": it must not be empty.'],
  [`/v1/hub/models?query=${"x".repeat(201)}`, 'Cannot accept field "query": at most 200 characters are allowed.'],
  ["/v1/hub/files?repo=bees/story", 'Cannot accept field "repo": hf:user/repo is wanted.'],
  ["/v1/hub/files?repo=hf:bees/../story", 'Cannot accept field "repo": hf:user/repo is wanted.'],
])("refuses %s", async (path, message) => {
  start();
  expect(await refusal(path)).toMatchObject({ code: "invalid_argument", message });
});

test("neither the error nor the log has the words of a search", async () => {
  start();
  const error = await refusal("/v1/hub/models?query=my-private-words");
  expect(error.message).toBe("Cannot search for models: the worker is offline.");
  expect(JSON.stringify(worker.logLines)).not.toContain("my-private-words");
});
