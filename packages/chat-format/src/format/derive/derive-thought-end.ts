// Finds the text with which the server can end a thought and begin the content: the text that the template writes between the two.
import type { ChatFormat } from "../format.ts";
import { type AnswerItem, type Syntax, hasCall, innerOf } from "../syntax.ts";
import { needles } from "./conversations.ts";
import type { TemplateProbe } from "./template-probe.ts";

/** The text that ends a thought and begins the content, with markers as plain text; "" if the format has no thoughts. */
export function thoughtEndOf({ thoughtEnd = "" }: Pick<ChatFormat, "thoughtEnd">): string {
  return thoughtEnd;
}

/** @returns undefined if neither the template nor the format shows how a thought ends */
export async function deriveThoughtEnd(format: ChatFormat, probe: TemplateProbe): Promise<string | undefined> {
  const { thoughtKey } = format.inputs;
  const { content, thought } = needles;
  const text = thoughtKey === undefined ? undefined : await probe.answer({ content, thought, thoughtKey });
  const rest = text?.split(thought)[1];
  if (rest?.includes(content) === true) return rest.slice(0, rest.indexOf(content));
  const close = closingOf(format.answer);
  if (close === undefined) return undefined;
  // A prompt with an empty thought shows what follows a thought.
  const left = probe.prompts.find((prompt) => prompt.includes(close));
  return (
    close + (left === undefined ? "\n\n" : (/^\s*/.exec(left.slice(left.lastIndexOf(close) + close.length))?.[0] ?? ""))
  );
}

/** The text after a thought in the format's syntax. */
function closingOf(answer: readonly AnswerItem[]): string | undefined {
  for (const { syntax } of answer) {
    const close = afterThought(syntax);
    if (close !== undefined && close.trim() !== "") return close.trim();
  }
  return undefined;
}

/** The text after the thought in this syntax; undefined if the syntax has no thought. */
function afterThought(syntax: Syntax): string | undefined {
  switch (syntax.kind) {
    case "text":
      return syntax.part === "reasoning" ? "" : undefined;
    case "sequence": {
      for (const [index, item] of syntax.items.entries()) {
        const inner = afterThought(item);
        if (inner !== undefined) return [inner, ...syntax.items.slice(index + 1).map(closing)].join("");
      }
      return undefined;
    }
    default:
      return innerOf(syntax)
        ?.map(afterThought)
        .find((text) => text !== undefined);
  }
}

/** The text of this syntax, including its optional parts. */
function closing(syntax: Syntax): string {
  if (hasCall(syntax)) return "";
  switch (syntax.kind) {
    case "literal":
    case "blank":
      return syntax.text;
    case "choice":
      return syntax.items[0] === undefined ? "" : closing(syntax.items[0]);
    default:
      return (innerOf(syntax) ?? []).map(closing).join("");
  }
}
