// Owns `waggle chat`: chooses the worker and the model, and runs the chat in a terminal or through pipes.
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { CliError } from "../cli-error.ts";
import type { Context, Run } from "../command.ts";
import { parseSetting } from "../answer/request-settings.ts";
import { createChatModels, type ChatModels } from "../chat/chat-models.ts";
import type { Conversation } from "../chat/conversation.ts";
import { createHistory } from "../chat/history.ts";
import { chatThroughPipes } from "../chat/piped-chat.ts";
import { chatInTerminal } from "../chat/terminal-chat.ts";
import { createProgressView } from "../terminal/progress.ts";
import { embeddedModel } from "../local/embedded-model.ts";
import { listDownloads } from "../local/downloads.ts";
import { modelsOf } from "../worker/model-names.ts";
import { openOwnSession, openSession, type Session } from "../worker/open-session.ts";

export const run: Run = async (context, words) => {
  const settings = Object.fromEntries(words.list("set").map(parseSetting));
  const progress = createProgressView(context.err);
  const [model] = words.args;
  const wish = { url: words.text("url"), model, onProgress: progress.show };
  const session = await openSession(context, wish).finally(progress.clear);
  const models = modelsFor(context, session, model, progress);
  try {
    await requireWriter(session, context.signal);
    const conversation: Conversation = {
      system: words.text("system"),
      messages: [],
      settings,
      model: session.model,
      sessionId: `chat-${randomBytes(8).toString("hex")}`,
    };
    if (context.stdin.isTTY && context.out.isTerminal) {
      const path = words.has("history") ? join(context.config.stateFolder, "chat-history") : undefined;
      const history = createHistory(path);
      await chatInTerminal({ context, models, conversation, history });
    } else await chatThroughPipes(context, session, conversation);
  } finally {
    await models.session.close();
  }
};

function modelsFor(
  context: Context,
  session: Session,
  model: string | undefined,
  progress: ReturnType<typeof createProgressView>,
): ChatModels {
  return createChatModels({
    session,
    model,
    served: async ({ client }) => {
      const models = await modelsOf(client, context.signal);
      return models.filter(({ kind }) => kind === undefined || kind === "generate").map(({ name }) => name);
    },
    here: async () => {
      const whole = (await listDownloads(context.config)).filter(({ state }) => state === "whole");
      return [...whole, await embeddedModel()].map(({ name }) => name);
    },
    async open(name, signal) {
      const wish = { url: undefined, model: name, onProgress: progress.show };
      try {
        const opened = await openOwnSession({ ...context, signal }, wish);
        await requireWriter(opened, signal).catch(async (error: unknown) => {
          await opened.close();
          throw error;
        });
        return opened;
      } finally {
        progress.clear();
      }
    },
    signal: context.signal,
  });
}

/** @throws CliError for a model that generates no text: an embedding or reranking model */
async function requireWriter({ client, model, modelName }: Session, signal: AbortSignal): Promise<void> {
  const { kind } = await client.info({ signal });
  if (kind === undefined || kind === "generate" || model !== undefined) return;
  throw new CliError(`Cannot chat with ${modelName}: its kind is ${kind}.`);
}
