// Owns the pages of a list, as OpenAI and Anthropic have them: a page begins behind the item with a given id.
import { WaggleError, refuseField } from "@waggle/protocol";

export interface Page<T> {
  readonly data: readonly T[];
  readonly first_id: string | null;
  readonly last_id: string | null;
  readonly has_more: boolean;
}

export interface PageQuery {
  readonly limit: number;
  /** Id of the item after which the page begins. */
  readonly after?: string | undefined;
  /** Id of the item before which the list ends. */
  readonly before?: string | undefined;
}

/** @throws WaggleError not_found if the item of `after` or `before` is unknown */
export function pageOf<T extends { readonly id?: string | null | undefined }>(
  items: readonly T[],
  { limit, after, before }: PageQuery,
): Page<T> {
  const indexOf = (side: "after" | "before", id: string | undefined, without: number): number => {
    const found = id === undefined ? without : items.findIndex((item) => item.id === id);
    if (found !== -1 || id === undefined) return found;
    const problem = `it is unknown`;
    throw new WaggleError("not_found", `Cannot list items ${side} item "${id.slice(0, 128)}": ${problem}.`, {
      details: { problems: [{ field: side, problem }] },
    });
  };
  const start = indexOf("after", after, -1) + 1;
  const end = indexOf("before", before, items.length);
  const data = items.slice(start, Math.min(end, start + limit));
  return {
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: start + limit < end,
  };
}

/** @throws WaggleError invalid_argument naming the field */
export function limitIn(given: string | undefined, normal: number, most: number): number {
  if (given === undefined) return normal;
  const limit = /^\d{1,5}$/.test(given) ? Number(given) : 0;
  if (limit < 1 || limit > most) throw refuseField("limit", `it must be a number from 1 to ${most}`);
  return limit;
}

/** @throws WaggleError invalid_argument naming the field */
export function orderIn(given = "desc"): "asc" | "desc" {
  if (given !== "asc" && given !== "desc") throw refuseField("order", "it must be asc or desc");
  return given;
}
