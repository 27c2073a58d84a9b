// Lists a response's input items in pages, as in OpenAI's API.
import { WaggleError, refuseField } from "@waggle/protocol";
import type { ResponseItemList } from "@waggle/protocol";
import type { OutputItem } from "./output.ts";

const defaultLimit = 20;
const mostItems = 100;

/** @throws WaggleError invalid_argument naming the field; not_found if the item of `after` or `before` is unknown */
export function inputItemPage(
  items: readonly OutputItem[],
  query: (name: string) => string | undefined,
): ResponseItemList {
  const limit = limitOf(query("limit"));
  const order = query("order") ?? "desc";
  if (order !== "asc" && order !== "desc") throw refuseField("order", "it must be asc or desc");
  const ordered = order === "asc" ? items : items.toReversed();
  const indexOf = (side: "after" | "before", without: number): number => {
    const id = query(side);
    const found = id === undefined ? without : ordered.findIndex((item) => item.id === id);
    if (found !== -1 || id === undefined) return found;
    throw new WaggleError("not_found", `Cannot list items ${side} item "${id.slice(0, 128)}": it is unknown.`);
  };
  const start = indexOf("after", -1) + 1;
  const end = indexOf("before", ordered.length);
  const data = ordered.slice(start, Math.min(end, start + limit)).map(listed);
  return {
    object: "list",
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: start + limit < end,
  };
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

function limitOf(given: string | undefined): number {
  if (given === undefined) return defaultLimit;
  const limit = /^\d{1,3}$/.test(given) ? Number(given) : 0;
  if (limit < 1 || limit > mostItems) throw refuseField("limit", `it must be a number from 1 to ${mostItems}`);
  return limit;
}
