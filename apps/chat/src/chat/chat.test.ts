// Shows that the answer of a conversation that is to be removed is taken back, also where a page has never shown the conversation.
import { expect, it } from "vitest";
import type { Api } from "../wire/api.ts";
import { newAnswer } from "./answer.ts";
import { createChat } from "./chat.ts";
import { openConversations } from "./conversations.ts";
import { createMemoryStorage } from "./storage.ts";
import { aboutWorker, oneModel } from "./testing/worker.ts";

it("takes back an answer that came when the page was loaded again", async () => {
  const storage = createMemoryStorage();
  const head = { id: "chat-1", updatedAt: 1, title: "", settings: { system: "", sampling: {} }, chosen: {} };
  const answer = { ...newAnswer("answer", "job-1", 1), phase: "streaming", text: "so" } as const;
  await storage.save([{ id: head.id, head: { kind: "new", head }, turns: [answer] }]);
  const conversations = await openConversations({
    storage,
    otherTabs: { tell: () => undefined, listen: () => undefined },
  });
  const requests: string[] = [];
  const api = {
    request: (path: string, { method = "GET" }: { readonly method?: string }) => {
      requests.push(`${method} ${path}`);
      return Promise.resolve(new Response(null, { status: 204 }));
    },
  } as unknown as Api;
  const chat = createChat({
    api,
    conversations,
    about: aboutWorker(),
    choice: oneModel,
  });
  await chat.abandon(head.id);
  expect(requests).toEqual(["DELETE /v1/jobs/job-1"]);
});
