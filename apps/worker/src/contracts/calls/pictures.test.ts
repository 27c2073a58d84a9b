// Tests pictures in jobs with tools: each step has the pictures of the request and of the results, and they count until the job's end.
import { deferred } from "@waggle/async";
import type { CallOutcome } from "@waggle/mcp";
import { describe, expect, it } from "vitest";
import { createInlineTools } from "../../testing/inline-tools.ts";
import type { InlineTools } from "../../testing/inline-tools.ts";
import type { InlineWorker } from "../../testing/inline-worker.ts";
import { call, say, useInlineTurns } from "../../testing/inline-turns.ts";
import { lastConversationOf, lastWorkOf, worksOf } from "../../testing/last-work.ts";
import { base64, dataUrl, green, hashOf, red, responsesPart, text } from "../../testing/made-up-pictures.ts";

const turns = useInlineTurns();
const { post } = turns;

const answer = "It is red.";
const asked = say(call("s__free", "x"));
const native = (said: string, more: object = {}): object => ({
  messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: dataUrl(red) } }, text(said)] }],
  ...{ temperature: 0, mcp_tools: "all", job_id: "j", ...more },
});
const responses = (said: string, more: object = {}): object => ({
  input: [{ role: "user", content: [responsesPart(red), { type: "input_text", text: said }] }],
  ...{ temperature: 0, tools: [{ type: "mcp", server_label: "s" }], ...more },
});

async function respond(more: object): Promise<Response> {
  return await post("/v1/responses", responses(asked, more), { "idempotency-key": "k" });
}

/** The ways to send the request, each the same when it is sent again. */
const ways: Readonly<Record<string, () => Promise<Response>>> = {
  "a native request": async () => await post("/v1/inference", native(asked)),
  "a job with a stream": async () => {
    expect((await post("/v1/jobs", native(asked, { on_disconnect: "continue" }))).status).toBe(202);
    return await turns.request("GET", "/v1/jobs/j/stream");
  },
  "a stored response": async () => await respond({}),
  "a stored response, streamed": async () => await respond({ stream: true }),
  "a response": async () => await respond({ store: false }),
  "a response, streamed": async () => await respond({ store: false, stream: true }),
};

function use(tools: InlineTools, readsPictures = true): InlineWorker {
  return turns.use(tools, { fake: { readsPictures } });
}

/** A tool whose calls wait for `go`. */
function held(): Record<"reached" | "go", ReturnType<typeof deferred<void>>> & { run(): Promise<CallOutcome> } {
  const [reached, go] = [deferred<void>(), deferred<void>()];
  return {
    ...{ reached, go },
    async run() {
      reached.resolve();
      await go.promise;
      return { kind: "done", text: say(answer) };
    },
  };
}

describe.each(Object.entries(ways))("%s", (_, ask) => {
  async function expectAnswer({ reached, go }: ReturnType<typeof held>): Promise<void> {
    const response = ask();
    await reached.promise;
    expect(turns.worker.app.pictureBytes).toBe(red.length);
    const [job] = turns.worker.registry.liveJobs();
    go.resolve();
    await (await response).text();
    expect(job?.log.terminal).toMatchObject({ type: "end", message: { content: answer } });
    expect(lastConversationOf(turns.worker).messages.at(-1)?.role).toBe("tool");
    expect(lastWorkOf(turns.worker).pictures?.map(({ bytes }) => bytes)).toEqual([red]);
    expect(turns.worker.app.pictureBytes).toBe(0);
  }

  it("has the picture in the step after a call, and counts it until the job's end", async () => {
    const tool = held();
    use(await createInlineTools(tool.run));
    await expectAnswer(tool);
    expect(worksOf(turns.worker)).toHaveLength(2);
  });

  it("has the picture after a restart too", async () => {
    const before = held();
    const tools = await createInlineTools(before.run);
    const first = use(tools);
    const lost = ask();
    await before.reached.promise;
    // The process dies here. The next process has only the journal.
    const tool = held();
    use(await tools.restart(tool.run));
    await expectAnswer(tool);
    expect(turns.tools.calls).toHaveLength(1);
    before.go.resolve();
    await first.close();
    await (await lost).text().catch(() => "lost");
  });
});

const two = say(call("s__free", "picture") + call("s__free", "x"));
const bodies = [
  ["/v1/inference", native],
  ["/v1/responses", responses],
] as const;

describe.each(bodies)("a picture in a tool's result: %s", (path, body) => {
  const pictures = [{ mimeType: "image/png", data: base64(green) }];

  it("reaches a model that reads pictures, and counts until the job's end", async () => {
    const tool = held();
    use(
      await createInlineTools(async (_, { text: given }) =>
        given === "picture" ? { kind: "done", text: "Seen.", pictures } : await tool.run(),
      ),
    );
    const response = post(path, body(two));
    await tool.reached.promise;
    expect(turns.worker.app.pictureBytes).toBe(red.length + green.length);
    tool.go.resolve();
    expect(await (await response).text()).toContain("red");
    const { messages } = lastConversationOf(turns.worker);
    expect(messages.at(-2)?.content).toEqual([
      { type: "text", text: expect.stringMatching(/Seen\.$/) as string },
      { type: "image", picture: 1 },
    ]);
    expect(lastWorkOf(turns.worker).pictures?.map(({ sha256 }) => sha256)).toEqual([hashOf(red), hashOf(green)]);
    expect(turns.worker.app.pictureBytes).toBe(0);
  });

  it("is a note for a model that reads none", async () => {
    use(await createInlineTools(() => ({ kind: "done", text: say(answer), pictures })), false);
    const plain = path === "/v1/inference" ? { messages: [{ role: "user", content: asked }] } : { input: asked };
    await (await post(path, body(asked, plain))).text();
    expect(lastConversationOf(turns.worker).messages.at(-1)?.content).toMatch(
      /\[Left out: picture 1 of the result: the model reads no pictures\.\]$/,
    );
    expect(lastWorkOf(turns.worker).pictures).toBeUndefined();
    expect(turns.worker.app.pictureBytes).toBe(0);
  });
});
