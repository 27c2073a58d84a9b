// Owns `waggle chat`: with whom, and where it is shown.
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { CliError, exitCodes } from "../cli-error.ts";
import type { Run } from "../command.ts";
import { parseSetting } from "../answer/request-settings.ts";
import type { Conversation } from "../chat/conversation.ts";
import { createHistory } from "../chat/history.ts";
import { chatThroughPipes } from "../chat/piped-chat.ts";
import { chatInTerminal } from "../chat/terminal-chat.ts";
import { createProgressView } from "../terminal/progress.ts";
import { openSession } from "../worker/open-session.ts";

export const run: Run = async (context, words) => {
  const settings = Object.fromEntries(words.list("set").map(parseSetting));
  const progress = createProgressView(context.err);
  const [model] = words.args;
  const session = await openSession(context, { url: words.text("url"), model, onProgress: progress.show });
  progress.clear();
  try {
    const info = await session.client.info({ signal: context.signal });
    if (info.kind !== undefined && info.kind !== "generate" && session.model === undefined) {
      throw new CliError(`${session.modelName} writes no answers: its kind is ${info.kind}.`);
    }
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
      await chatInTerminal({ context, output: process.stdout, session, conversation, history });
    } else await chatThroughPipes(context, session, conversation);
    return exitCodes.ok;
  } finally {
    await session.close();
  }
};
