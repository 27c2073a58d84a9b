// Shows in which order jobs are submitted, and how a refusal corrects the estimated length of a conversation.
import type { GenerateRequest, WorkerInfo } from "@waggle/protocol";
import { expect, it, vi } from "vitest";
import type { Api } from "../../wire/api.ts";
import type { Attachment } from "../attachments/attachment.ts";
import { broken, continued, newAnswer, restarted, stopped, type Answer } from "../conversation/answer.ts";
import { findAnswer } from "../conversation/conversation.ts";
import type { Conversations } from "../storage/conversations.ts";
import { openAlone } from "../testing/open-alone.ts";
import { aboutWorker, oneModel } from "../testing/worker.ts";
import { createAsking, type Asking } from "./asking.ts";

interface Led {
  readonly conversations: Conversations;
  readonly asking: Asking;
  /** Requests that the worker received. */
  readonly sent: GenerateRequest[];
  /** Answers the oldest request and waits for the effects. */
  respond(status: number, body?: unknown): Promise<void>;
  /** Requests an answer to a message. */
  ask(conversationId: string, text: string, attachments?: readonly Attachment[]): Answer;
}

async function led(info: Partial<WorkerInfo> = {}): Promise<Led> {
  const conversations = await openAlone();
  const sent: GenerateRequest[] = [];
  const waiting: ((response: Response) => void)[] = [];
  const api = {
    request: (_: string, { body }: { readonly body: string }) => {
      sent.push(JSON.parse(body) as GenerateRequest);
      return new Promise<Response>((resolve) => waiting.push(resolve));
    },
  } as unknown as Api;
  const asking = createAsking({
    api,
    conversations,
    about: aboutWorker({ context_size: 500, ...info }),
    choice: oneModel,
    onAsked: () => undefined,
  });
  let count = 0;
  return {
    conversations,
    asking,
    sent,
    async respond(status, body = {}) {
      waiting.shift()?.(Response.json(body, { status }));
      await settled();
    },
    ask(id, text, attachments) {
      count += 1;
      const parent = conversations.get(id)?.turns.at(-1)?.id;
      const message = { role: "user", id: `m${count}`, text, sentAt: count } as const;
      const more = { ...(parent && { parent }), ...(attachments && { attachments }) };
      const answer = newAnswer(`a${count}`, `job-${count}`, count, message.id);
      conversations.add(id, [{ ...message, ...more }, answer], {});
      const conversation = conversations.get(id);
      if (conversation !== undefined) asking.ask(conversation, answer, undefined);
      return answer;
    },
  };
}

async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

it("submits the jobs of one conversation in order, because the worker ends the older job", async () => {
  const { conversations, sent, respond, ask } = await led();
  const id = conversations.current.value.id;
  ask(id, "one");
  ask(id, "two");
  conversations.show(undefined);
  ask(conversations.current.value.id, "elsewhere");
  await settled();
  expect(sent.map((job) => job.job_id)).toEqual(["job-1", "job-3"]);
  await respond(200);
  expect(sent.map((job) => job.job_id)).toEqual(["job-1", "job-3", "job-2"]);
});

it("does not leave out messages because of another conversation's ratio", async () => {
  const { conversations, sent, respond, ask } = await led();
  const talk = async (text: string): Promise<string> => {
    conversations.show(undefined);
    const { id } = conversations.current.value;
    const answer = ask(id, text);
    await settled();
    await respond(200);
    conversations.change(id, answer.id, (now) => ({ ...now, phase: "done", text: "so it is" }));
    ask(id, "more");
    await settled();
    return id;
  };
  await talk("字".repeat(600));
  expect(sent.at(-1)?.messages).toHaveLength(3);
  // One token per character, and a context of 500 tokens.
  const details = { n_prompt_tokens: 612, n_ctx: 500 };
  await respond(400, { error: { code: "invalid_argument", message: "", details } });
  expect(sent.at(-1)?.messages).toHaveLength(1);
  await respond(200);
  await talk("a".repeat(400));
  expect(sent.at(-1)?.messages).toHaveLength(3);
});

it("counts a job as submitting while the answer's earlier, stopped job is still on its way", async () => {
  const { conversations, asking, sent, respond, ask } = await led();
  const { id } = conversations.current.value;
  const answer = ask(id, "one");
  const again = continued(stopped(answer), "job-again", 2);
  conversations.change(id, answer.id, () => again);
  asking.ask(conversations.current.value, again, undefined);
  await settled();
  await respond(200);
  expect(sent.map((job) => job.job_id)).toEqual(["job-1", "job-again"]);
  expect(asking.isSubmitting("job-again")).toBe(true);
  await respond(200);
  expect(asking.isSubmitting("job-again")).toBe(false);
});

it("sends the request of an answer again while its restarted worker does not know its model yet", async () => {
  const { conversations, asking, sent, respond, ask } = await led();
  const { id } = conversations.current.value;
  const again = restarted(ask(id, "one"), 2);
  await settled();
  await respond(200);
  vi.useFakeTimers({ toFake: ["setTimeout"] });
  try {
    asking.ask(conversations.current.value, again, undefined);
    await settled();
    await respond(503, { error: { code: "unavailable", message: "" } });
    expect([sent.length, asking.isSubmitting(again.jobId)]).toEqual([2, true]);
    await vi.advanceTimersByTimeAsync(1_000);
    await settled();
    await respond(200);
    expect([sent.length, asking.isSubmitting(again.jobId)]).toEqual([3, false]);
  } finally {
    vi.useRealTimers();
  }
});

it("revives an answer that was marked as lost before the worker accepted its job", async () => {
  const { conversations, respond, ask } = await led();
  const { id } = conversations.current.value;
  const answer = ask(id, "one");
  await settled();
  const problem = { code: "gone", message: "The message did not reach the worker." } as const;
  conversations.change(id, answer.id, (now) => broken(now, problem));
  await respond(200);
  const taken = findAnswer(conversations.current.value, answer.id);
  expect(taken?.phase).toBe("sending");
  expect(taken?.problem).toBeUndefined();
});

it("sends the files of pictures, says which are lost, and sends none to a model that cannot see", async () => {
  const bee = (id: string): Attachment => ({ id, name: id, bytes: 3, text: "", picture: { width: 4, height: 3 } });
  const attachments = [bee("kept"), bee("lost")];
  const vision = { projector: "eye", bytes: 1, max_pixels: 2_000_000 };
  const seeing = await led({ kind: "generate", vision });
  seeing.conversations.pictures.hold("kept", new Blob(["png"], { type: "image/png" }));
  seeing.ask(seeing.conversations.current.value.id, "Look.", attachments);
  await expect.poll(() => seeing.sent).toHaveLength(1);
  expect(seeing.sent[0]?.messages?.[0]?.content).toEqual([
    { type: "image_url", image_url: { url: "data:image/png;base64,cG5n" } },
    { type: "text", text: "[A picture that is no longer available]" },
    { type: "text", text: "Look." },
  ]);
  const blind = await led({ kind: "generate" });
  blind.ask(blind.conversations.current.value.id, "Look.", attachments);
  await expect.poll(() => blind.sent).toHaveLength(1);
  expect(blind.sent[0]?.messages?.[0]?.content).toMatch(/^\[Picture kept: not shown.*\n\nLook\.$/s);
});
