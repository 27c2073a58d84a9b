// Owns the lane of a request's server, whose files and batches a request may see, and the key of a batch.
import type { BatchRecord, BatchView, Lane, ListedBatch, Owner } from "@waggle/jobs";
import { WaggleError } from "@waggle/protocol";
import { factsOf } from "../../generation/generations.ts";
import { retryMarkOf } from "../../generation/retries.ts";
import type { AppContext, AppOptions } from "../../server/context.ts";

/** @throws WaggleError unimplemented */
export function laneOf({ lane }: Pick<AppOptions, "lane">): Lane {
  if (lane !== undefined) return lane;
  throw new WaggleError("unimplemented", "Cannot use files and batches: this server does not serve them.");
}

/** Whose files and batches the request may read, change and remove: an administrator's, those of all clients. */
export function ownerOf(c: AppContext): Owner {
  return c.get("admin") ? undefined : c.get("client");
}

/** Whose files and batches the request may list. */
export function listedOwnerOf(c: AppContext): Owner {
  return c.get("monitor") ? undefined : ownerOf(c);
}

/** Whether a listed file or batch is shown without what its client wrote. */
export function isHidden(c: AppContext, client: string): boolean {
  return !c.get("admin") && client !== c.get("client");
}

/** Whose content the request may read: only its client's, except in local mode, where all clients are the machine's user. */
export function readerOf(c: AppContext, { access }: Pick<AppOptions, "access">): Owner {
  return access.localMode ? undefined : c.get("client");
}

/** The request's key, which finds a batch of the same route only. @throws WaggleError invalid_argument */
export function idempotencyKeyOf(c: AppContext): string | undefined {
  const mark = retryMarkOf(factsOf(c, 0));
  return mark?.named === true ? mark.key : undefined;
}

type DialectName = BatchRecord["dialect"];

/** A batch of another dialect is as if it did not exist. @throws WaggleError not_found */
export async function batchIn(
  c: AppContext,
  { batches }: Lane,
  dialect: DialectName,
  owner: Owner,
): Promise<BatchView> {
  const id = c.req.param("id") ?? "";
  const view = await batches.get(id, owner);
  if (view.record.dialect === dialect) return view;
  throw new WaggleError("not_found", `Unknown batch "${id.slice(0, 128)}".`);
}

/** Newest first. */
export async function batchesIn(
  { batches }: Lane,
  dialect: DialectName,
  owner: Owner,
): Promise<readonly ListedBatch[]> {
  return (await batches.list(owner)).filter(({ record }) => record.dialect === dialect);
}
