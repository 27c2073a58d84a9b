// Tests switching models within a chat: with a running worker, and with a private worker.
import { expect, it } from "vitest";
import { CliError, InterruptedError } from "../cli-error.ts";
import type { Session } from "../worker/open-session.ts";
import { createChatModels, type ChatModels } from "./chat-models.ts";

interface World {
  readonly models: ChatModels;
  /** What was opened and closed, in order. */
  readonly done: string[];
  readonly chat: AbortController;
}

function world(ownWorker: boolean, wanted?: string): World {
  const done: string[] = [];
  const chat = new AbortController();
  const sessionOf = (model: string | undefined): Session => ({
    client: {} as Session["client"],
    waggle: {} as Session["waggle"],
    url: "http://127.0.0.1:1",
    model: undefined,
    modelName: `The ${model ?? "story teller"}`,
    ownWorker,
    close: async () => void done.push(`close ${model}`),
  });
  const models = createChatModels({
    session: sessionOf(wanted),
    model: wanted,
    served: async () => ["ant", "bee"],
    here: async () => ["bee", "broken", "wasp"],
    async open(model, signal) {
      if (model === "wasp") signal.throwIfAborted();
      if (model === "broken") throw new CliError("Cannot load model broken: not a GGUF file.");
      done.push(`open ${model}`);
      return sessionOf(model);
    },
    signal: chat.signal,
  });
  return { models, done, chat };
}

const never = new AbortController().signal;

it("a chat with a running worker lists the worker's models and keeps using that worker", async () => {
  const { models, done } = world(false);
  expect(await models.names()).toEqual(["ant", "bee"]);
  const { session } = models;
  await models.use("bee", never);
  expect([models.session === session, done]).toEqual([true, []]);
});

it("the chat replaces its private worker to use a downloaded model, and starts another worker to return to the first model", async () => {
  const { models, done } = world(true);
  expect(await models.names()).toEqual(["The story teller", "bee", "broken", "wasp"]);
  await models.use("The story teller", never);
  await models.use("bee", never);
  expect(models.session.modelName).toBe("The bee");
  expect(await models.names()).toEqual(["The story teller", "bee", "broken", "wasp"]);
  await models.use("The story teller", never);
  expect(done).toEqual(["close undefined", "open bee", "close bee", "open undefined"]);
});

it("the chat's first model is listed only once", async () => {
  expect(await world(true, "bee").models.names()).toEqual(["The bee", "broken", "wasp"]);
});

it("the chat keeps the current model when the next one cannot be loaded or the load is stopped", async () => {
  const { models, done } = world(true);
  await expect(models.use("broken", never)).rejects.toThrow("Cannot load model broken: not a GGUF file.");
  await expect(models.use("wasp", AbortSignal.abort())).rejects.toThrow(
    "Stopped. The model is still The story teller.",
  );
  expect(models.session.modelName).toBe("The story teller");
  expect(done).toEqual(["close undefined", "open undefined", "close undefined", "open undefined"]);
});

it("an interrupted chat starts no other worker", async () => {
  const { models, done, chat } = world(true);
  chat.abort(new InterruptedError());
  await expect(models.use("wasp", never)).rejects.toThrow(InterruptedError);
  expect(done).toEqual(["close undefined"]);
});
