// Shows which answer a tab follows when two tabs send a message in one conversation at the same moment.
import { expect, it, onTestFinished, vi } from "vitest";
import type { Api } from "../../wire/api.ts";
import { newAnswer, stopped, type Answer } from "../conversation/answer.ts";
import type { Message } from "../conversation/conversation.ts";
import { openConversations } from "../storage/conversations.ts";
import type { TabMessage } from "../storage/other-tabs.ts";
import { createMemoryStorage } from "../storage/storage.ts";
import { createAnswerStream } from "./answer-stream.ts";

async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

it("follows this tab's answer, then the answer that another tab requested at the same moment", async () => {
  // A tab waits only for a while for the answer of another tab.
  vi.useFakeTimers({ now: 0, toFake: ["Date"] });
  onTestFinished(() => void vi.useRealTimers());
  let receive = (_: TabMessage): void => undefined;
  const conversations = await openConversations({
    storage: createMemoryStorage(),
    otherTabs: { send: () => undefined, listen: (listener) => (receive = listener) },
  });
  let isSubmitting = true;
  const asked: string[] = [];
  const forget: (() => void)[] = [];
  const api = {
    request: (path: string) => {
      asked.push(path);
      return new Promise<Response>((resolve) => forget.push(() => resolve(new Response(null, { status: 404 }))));
    },
  } as unknown as Api;
  const answerStream = createAnswerStream({
    api,
    conversations,
    isSubmitting: (jobId) => isSubmitting && jobId === "job-ours",
    async onEnd(conversationId, answer) {
      conversations.change(conversationId, answer.id, stopped);
      await settled();
    },
  });
  const { id } = conversations.current.value;
  const messages = (whose: string): readonly [Message, Answer] => [
    { role: "user", id: `message-${whose}`, text: whose, sentAt: 0 },
    newAnswer(`answer-${whose}`, `job-${whose}`, 0, `message-${whose}`),
  ];
  const tell = (sent: readonly Message[]): void =>
    receive({ kind: "changed", changes: [{ id, head: { kind: "patch", patch: {} }, turns: sent }] });

  conversations.add(id, messages("ours"), {});
  const [message, theirs] = messages("theirs");
  tell([message, theirs]);
  isSubmitting = false;
  answerStream.select();
  expect(asked).toEqual(["/v1/jobs/job-ours/stream"]);
  tell([{ ...theirs, phase: "streaming", text: "so", lastIndex: 0, tokens: 1 }]);
  expect(asked).toHaveLength(1);
  forget[0]?.();
  await settled();
  await settled();
  expect(asked).toEqual(["/v1/jobs/job-ours/stream", "/v1/jobs/job-theirs/stream"]);
});
