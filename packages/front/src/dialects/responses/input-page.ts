// Lists a response's input items in pages, as in OpenAI's API.
import { WaggleError } from "@waggle/protocol";
import type { ResponseItemList } from "@waggle/protocol";
import { unsupported } from "../../body/fields.ts";
import type { OutputItem } from "./output.ts";

const defaultLimit = 20;
const mostItems = 100;

/** @throws WaggleError invalid_argument naming the field; not_found if the item of `after` is unknown */
export function inputItemPage(
  items: readonly OutputItem[],
  query: (name: string) => string | undefined,
): ResponseItemList {
  const limit = limitOf(query("limit"));
  const order = query("order") ?? "desc";
  if (order !== "asc" && order !== "desc") throw unsupported("order", "it must be asc or desc");
  const ordered = order === "asc" ? items : items.toReversed();
  const after = query("after");
  const found = after === undefined ? -1 : ordered.findIndex(({ id }) => id === after);
  if (after !== undefined && found === -1) {
    throw new WaggleError("not_found", `Cannot begin after item "${after.slice(0, 128)}": it is unknown.`);
  }
  const data = ordered.slice(found + 1, found + 1 + limit);
  return {
    object: "list",
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: found + 1 + limit < ordered.length,
  };
}

function limitOf(given: string | undefined): number {
  if (given === undefined) return defaultLimit;
  const limit = /^\d{1,3}$/.test(given) ? Number(given) : 0;
  if (limit < 1 || limit > mostItems) throw unsupported("limit", `it must be a number from 1 to ${mostItems}`);
  return limit;
}
