// Rewrites the ids of calls in the form that a template requires.
import type { ChatMessage } from "./conversation.ts";
import type { TemplateInputs } from "./template-inputs.ts";

const shortId = /^[A-Za-z0-9]{9}$/;
const namedId = /^functions\..+:\d+$/;

/** Returns a function that maps the conversation's ids. Later messages do not change the result for an id. */
export function idsOf(messages: readonly ChatMessage[], ids: TemplateInputs["ids"]): (id: string) => string {
  if (ids === "any") return (id) => id;
  const form = ids === "short" ? shortId : namedId;
  const calls = messages.flatMap(({ tool_calls: toolCalls = [] }) => toolCalls);
  const taken = new Set(calls.map(({ id }) => id).filter((id) => form.test(id)));
  const given = new Map<string, string>();
  let count = 0;

  function next(name: string): string {
    for (;;) {
      const id = ids === "short" ? `call${String(count).padStart(5, "0")}` : `functions.${name}:${count}`;
      count += 1;
      if (!taken.has(id)) return id;
    }
  }

  for (const {
    id,
    function: { name },
  } of calls) {
    if (form.test(id)) count += ids === "named" ? 1 : 0;
    else if (!given.has(id)) given.set(id, next(name));
  }
  // A result without a call keeps its id; the template may refuse it.
  return (id) => given.get(id) ?? id;
}
