// Tests how long a worker holds pictures, and how many: those of stored responses, of jobs and of requests.
import { createStepGate } from "@waggle/engine/testing";
import { madeUpPng } from "@waggle/testing";
import { describe, expect, it } from "vitest";
import {
  anthropicBlock,
  dataUrl,
  green,
  hashOf,
  messageOf,
  openAiPart,
  red,
  responsesPart,
  text,
} from "../../testing/made-up-pictures.ts";
import { alice, bob, forTwoClients } from "../../testing/two-clients.ts";
import { useInlineWorker } from "../../testing/use-worker.ts";
import type { Json } from "../../testing/use-worker.ts";

const { worker, start, call, post, answerOf, read, lastWork } = useInlineWorker({ fake: { readsPictures: true } });

describe("stored responses", () => {
  const ask = (input: unknown, more: Json = {}) => answerOf("/v1/responses", { input, temperature: 0, ...more });
  const picture = (bytes: Uint8Array, said: string) => [
    { role: "user", content: [responsesPart(bytes), { type: "input_text", text: said }] },
  ];

  it("keep their pictures for the next turns", async () => {
    start();
    const first = await ask(picture(red, "One [eog:2]"));
    const second = await ask(picture(green, "Two [eog:2]"), { previous_response_id: first["id"] });
    await ask("Three [eog:1]", { previous_response_id: second["id"] });
    expect(lastWork().pictures?.map(({ bytes }) => bytes)).toEqual([red, green]);
    await ask(picture(green, "Again [eog:1]"), { previous_response_id: first["id"] });
    expect(lastWork().pictures?.map(({ bytes }) => bytes)).toEqual([red, green]);
    await ask(picture(green, "Alone [eog:1]"));
    expect(lastWork().pictures?.map(({ bytes }) => bytes)).toEqual([green]);
  });

  it("keep the pictures of items that a later response references", async () => {
    start();
    const first = await ask([{ ...picture(red, "One [eog:1]")[0], id: "look" }]);
    const second = await ask([{ type: "item_reference", id: "look" }, ...picture(green, "Two [eog:1]")]);
    await call("DELETE", `/v1/responses/${first["id"] as string}`);
    await ask("Three [eog:1]", { previous_response_id: second["id"] });
    expect(lastWork().pictures?.map(({ bytes }) => bytes)).toEqual([red, green]);
  });

  it("list a picture by its hash", async () => {
    start();
    const { id } = await ask(picture(red, "One [eog:1]"));
    const { data } = await read(`/v1/responses/${id as string}/input_items`);
    const shown = { type: "input_image", image_url: `sha256:${hashOf(red)}` };
    expect(data).toMatchObject([{ content: [shown, { text: "One [eog:1]" }] }]);
  });

  it("are not readable by other clients, by the hash of a picture", async () => {
    start({ access: forTwoClients });
    await answerOf("/v1/responses", { input: picture(red, "One [eog:1]") }, alice);
    const input = [{ role: "user", content: [{ type: "input_image", image_url: `sha256:${hashOf(red)}` }] }];
    expect((await post("/v1/responses", { input }, bob)).status).toBe(400);
  });
});

describe("the memory of all pictures", () => {
  const ask = (bytes: Uint8Array, headers = {}) =>
    post(
      "/v1/chat/completions",
      { messages: [{ role: "user", content: [openAiPart(bytes), text("[eog:1]")] }] },
      headers,
    );
  const size = 4_000;
  const [one, other] = [madeUpPng(1, { textBytes: size }), madeUpPng(2, { textBytes: size })];

  it("is limited, until the jobs end", async () => {
    const gate = createStepGate();
    start({ gate, slots: 1, pictures: { picturesTotalBytes: 1.5 * size } });
    const running = ask(one);
    await gate.held();
    const again = ask(one);
    const refused = await ask(other);
    expect([refused.status, messageOf((await refused.json()) as Json)]).toEqual([
      429,
      expect.stringContaining("Cannot accept picture 1: the pictures of all waiting and running jobs"),
    ]);
    expect(refused.headers.get("retry-after")).toBe("5");
    gate.open();
    expect([(await running).status, (await again).status]).toEqual([200, 200]);
    await worker.dispatcher.idle();
    expect((await ask(other)).status).toBe(200);
  });

  it("is limited, until background jobs end", async () => {
    const gate = createStepGate();
    start({ gate, slots: 1, pictures: { picturesTotalBytes: 1.5 * size } });
    const messages = [
      { role: "user", content: [{ type: "image_url", image_url: { url: dataUrl(one) } }, text("[eog:1]")] },
    ];
    expect((await post("/v1/jobs", { messages, on_disconnect: "continue" })).status).toBe(202);
    expect((await ask(other)).status).toBe(429);
    gate.open();
    await worker.dispatcher.idle();
    expect((await ask(other)).status).toBe(200);
  });

  it("is free again after requests that were refused, and after counts", async () => {
    start({ pictures: { picturesTotalBytes: 1.5 * size } });
    const bad = { messages: [{ role: "user", content: [openAiPart(one), { type: "input_audio" }] }] };
    expect((await post("/v1/chat/completions", bad)).status).toBe(400);
    const counted = { messages: [{ role: "user", content: [anthropicBlock(one)] }] };
    await answerOf("/v1/messages/count_tokens", counted);
    expect((await ask(other)).status).toBe(200);
  });

  it("is divided between clients", async () => {
    start({ access: forTwoClients, clientQueueShare: 0.5, pictures: { picturesTotalBytes: 1.5 * size } });
    const refused = await ask(one, alice);
    expect([refused.status, messageOf((await refused.json()) as Json)]).toEqual([
      429,
      expect.stringContaining("this client's jobs"),
    ]);
    expect((await ask(red, bob)).status).toBe(200);
  });
});

describe("a picture's URL", () => {
  const ask = async (url: string): Promise<[number, unknown]> => {
    const content = [text("What?"), { type: "image_url", image_url: { url } }];
    const response = await post("/v1/chat/completions", { messages: [{ role: "user", content }] });
    return [response.status, messageOf((await response.json()) as Json)];
  };

  it("of an allowed host is not fetched from this machine", async () => {
    start({ allowedMediaHosts: ["localhost", "127.0.0.1"] });
    expect(await ask("http://127.0.0.1:1/a.png")).toEqual([400, expect.stringContaining("is not public")]);
    expect(await ask("http://localhost:1/a.png")).toEqual([400, expect.stringContaining("is not public")]);
  });
});
