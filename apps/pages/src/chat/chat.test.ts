// Shows that removing a conversation cancels its answer, even if the page has never shown the conversation.
import { expect, it } from "vitest";
import type { Api } from "../wire/api.ts";
import { createChat } from "./chat.ts";
import { newAnswer } from "./conversation/answer.ts";
import { createMemoryStorage } from "./storage/storage.ts";
import { openAlone } from "./testing/open-alone.ts";
import { aboutWorker, oneModel } from "./testing/worker.ts";

it("cancels an answer that streamed before the page was reloaded", async () => {
  const storage = createMemoryStorage();
  const head = { id: "chat-1", updatedAt: 1, title: "", settings: { system: "", sampling: {} }, chosen: {} };
  const answer = { ...newAnswer("answer", "job-1", 1), phase: "streaming", text: "so" } as const;
  await storage.save([{ id: head.id, head: { kind: "new", head }, turns: [answer] }]);
  const conversations = await openAlone(storage);
  const requests: string[] = [];
  const api = {
    request: (path: string, { method = "GET" }: { readonly method?: string }) => {
      requests.push(`${method} ${path}`);
      return Promise.resolve(new Response(null, { status: 204 }));
    },
  } as unknown as Api;
  const chat = createChat({ api, conversations, about: aboutWorker(), choice: oneModel });
  await chat.abandon(head.id);
  expect(requests).toEqual(["DELETE /v1/jobs/job-1"]);
});
