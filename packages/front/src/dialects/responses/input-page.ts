// Lists a response's input items in pages, as in OpenAI's API.
import type { ResponseItemList } from "@waggle/protocol";
import { limitIn, orderIn, pageOf } from "../../body/page.ts";
import type { OutputItem } from "./output.ts";

const defaultLimit = 20;
const mostItems = 100;

/** @throws WaggleError invalid_argument naming the field; not_found if the item of `after` or `before` is unknown */
export function inputItemPage(
  items: readonly OutputItem[],
  query: (name: string) => string | undefined,
): ResponseItemList {
  const limit = limitIn(query("limit"), defaultLimit, mostItems);
  const ordered = orderIn(query("order")) === "asc" ? items : items.toReversed();
  const page = pageOf(ordered, { limit, after: query("after"), before: query("before") });
  return { object: "list", ...page, data: page.data.map(listed) };
}

/** The item with all fields that OpenAI's API has in this list, also those that a client need not send. */
function listed(item: OutputItem): OutputItem {
  if (item.type != null && item.type !== "message") return { status: "completed", ...item } as OutputItem;
  const { content } = item;
  const parts: readonly unknown[] = Array.isArray(content) ? content : content == null ? [] : [content];
  const kind = item.role === "assistant" ? "output_text" : "input_text";
  const part = (given: unknown): Record<string, unknown> => {
    const whole = typeof given === "string" ? { type: "text", text: given } : (given as Record<string, unknown> | null);
    const type = whole?.["type"] === "text" ? kind : whole?.["type"];
    return { ...(type === undefined ? {} : partDefaults.get(type)), ...whole, type };
  };
  return { status: "completed", ...item, type: "message", content: parts.map(part) } as OutputItem;
}

/** Fields that parts have in OpenAI's lists, and clients may leave out. */
const partDefaults: ReadonlyMap<unknown, object> = new Map([
  ["output_text", { annotations: [], logprobs: [] }],
  ["input_image", { detail: "auto" }],
]);
