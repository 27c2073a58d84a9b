// Builds the conversation of a request from stored responses: the earlier responses, and items that the request references.
import { WaggleError, refuseField, requestLimits } from "@waggle/protocol";
import type { ResponseItem } from "@waggle/protocol";
import type { OutputItem } from "./output.ts";
import type { ResponseStore } from "./store.ts";

/**
 * The input as items, with the client's stored items in place of references.
 * @param maxBytes size limit of all referenced items together, where an item counts at each reference; the same as the limit of a body
 * @throws WaggleError not_found, invalid_argument naming the field
 */
export function inputItems(
  input: string | readonly ResponseItem[] | null | undefined,
  store: ResponseStore,
  client: string,
  maxBytes: number,
): readonly ResponseItem[] {
  if (input == null || input === "") return [];
  if (typeof input === "string") return [{ type: "message", role: "user", content: input }];
  let characters = 0;
  return input.map((item, index) => {
    if (item.type !== "item_reference") return item;
    const field = `input.${index}.id`;
    const found = store.item(client, item.id);
    if (found === undefined) {
      const problem = `no stored response has the item "${item.id}"`;
      throw new WaggleError("not_found", `Cannot accept field "${field}": ${problem}.`, {
        details: { problems: [{ field, problem }] },
      });
    }
    characters += JSON.stringify(found).length;
    if (characters > maxBytes) throw refuseField(field, `the items named have more than ${maxBytes} characters`);
    return found;
  });
}

/**
 * The conversation up to and including this response, oldest first.
 * @param maxBytes size limit of the conversation; the same as the limit of a body
 * @throws WaggleError not_found, invalid_argument naming the field
 */
export function conversationOf(
  previousId: string | null | undefined,
  store: ResponseStore,
  client: string,
  maxBytes: number,
): readonly OutputItem[] {
  const field = "previous_response_id";
  const turns: (readonly OutputItem[])[] = [];
  let count = 0;
  let characters = 0;
  // `get` marks each response as used, earlier responses last, so that earlier responses are kept longer.
  for (let id = previousId ?? undefined; id !== undefined;) {
    const { input, previousId: before, ended } = store.get(client, id, field);
    if (ended === undefined) throw refuseField(field, `response "${id}" has not ended`);
    if (ended.response["status"] === "failed") throw refuseField(field, `response "${id}" failed`);
    turns.unshift([...input, ...ended.output]);
    count += input.length + ended.output.length;
    if (count > requestLimits.messages) {
      throw refuseField(field, `its conversation has more than ${requestLimits.messages} items`);
    }
    characters += store.charactersOf(client, id);
    if (characters > maxBytes) throw refuseField(field, `its conversation has more than ${maxBytes} characters`);
    id = before;
  }
  return turns.flat();
}

/** The stored part of the conversation. The limits were checked when the response began. */
export function keptConversationOf(
  previousId: string | undefined,
  store: ResponseStore,
  client: string,
): readonly OutputItem[] {
  const turns: (readonly OutputItem[])[] = [];
  for (let id = previousId; id !== undefined;) {
    const kept = store.find(client, id);
    if (kept !== undefined) turns.unshift([...kept.input, ...(kept.ended?.output ?? [])]);
    id = kept?.previousId;
  }
  return turns.flat();
}

/** Adds ids to items without an id. */
export function withIds(items: readonly ResponseItem[], key: string): readonly OutputItem[] {
  return items.map((item, index) => ({ ...item, id: item.id ?? `in_${key}_${index}` }));
}
