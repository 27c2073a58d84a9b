// Owns the end of a row that offers a model: one button for what comes next, and the progress or the problem below.
import type { VNode } from "preact";
import { useLayoutEffect } from "preact/hooks";
import { Alert } from "../../parts/alert.tsx";
import { formatBytes, formatPercent } from "../../parts/format.ts";
import type { Api } from "../../wire/api.ts";
import type { Problem } from "../../wire/problem.ts";
import { ProgressLine } from "../changes/progress-line.tsx";
import { progressOf } from "../model-words.ts";
import type { DownloadView, Downloads } from "./downloads.ts";

/** What a row needs of the dialog, the page or the panel that shows it. */
export interface Offers {
  readonly api: Api;
  readonly downloads: Downloads;
  /** Names of the worker's models. */
  readonly served: ReadonlySet<string>;
  /** The model of this conversation. */
  readonly chosen?: string | undefined;
  /** Absent where no conversation is. */
  readonly onUse?: (model: string) => void;
}

export interface OfferProps {
  readonly offers: Offers;
  readonly reference: string;
  /** The title of the row, for the labels of its buttons. */
  readonly title: string;
  /** The worker's model that had the file when the row was listed. */
  readonly model: string | undefined;
  readonly primary?: boolean;
}

/** The worker's model that has the file now. */
function modelOf({ served }: Offers, { download }: DownloadView, listed: string | undefined): string | undefined {
  const names = [download?.state === "done" ? download.name : undefined, listed];
  return names.find((name) => name !== undefined && served.has(name));
}

/** Notes that a row shows the reference as long as the row exists, before a frame shows the download in two rows. */
export function useShown({ downloads }: Offers, reference: string): void {
  useLayoutEffect(() => downloads.show(reference), [downloads, reference]);
}

/** The button of the row. */
export function OfferButton({ offers, reference, title, model, primary = false }: OfferProps): VNode | null {
  const { downloads, chosen, onUse } = offers;
  const view = downloads.view(reference);
  const { download, asking } = view;
  const here = modelOf(offers, view, model);
  if (here !== undefined) {
    if (onUse === undefined) return <span class="badge good">here</span>;
    return here === chosen ? <span class="badge">in use</span> : <UseButton name={here} onUse={onUse} />;
  }
  if (download?.state === "done") return <span class="badge">downloaded</span>;
  const kind = primary ? "button tiny primary" : "button tiny";
  switch (download?.state) {
    case "running":
      return (
        <Act label="Stop" what={`the download of ${title}`} {...{ asking }} onClick={() => downloads.stop(reference)} />
      );
    case "stopped":
    case "failed":
      return (
        <span class="row end">
          <Act label="Remove" what={title} {...{ asking }} onClick={() => downloads.remove(reference)} />
          <Act
            label={download.state === "failed" ? "Try again" : "Continue"}
            what={`the download of ${title}`}
            {...{ asking, kind }}
            onClick={() => downloads.start(reference)}
          />
        </span>
      );
    case undefined:
      return <Act label="Download" what={title} {...{ asking, kind }} onClick={() => downloads.start(reference)} />;
  }
}

export function UseButton({ name, onUse }: { readonly name: string; readonly onUse: (name: string) => void }): VNode {
  return (
    <button type="button" class="button tiny primary" aria-label={`Use ${name}`} onClick={() => onUse(name)}>
      Use
    </button>
  );
}

interface ActProps {
  readonly label: string;
  readonly what: string;
  readonly asking: boolean;
  readonly kind?: string;
  readonly onClick: () => Promise<void>;
}

export function Act({ label, what, asking, kind = "button tiny", onClick }: ActProps): VNode {
  return (
    <button
      type="button"
      class={kind}
      disabled={asking}
      aria-label={`${label}: ${what}`}
      onClick={() => void onClick()}
    >
      {label}
    </button>
  );
}

/** The progress, the reason of a failure, or how much of a stopped download is here. */
export function OfferState({
  offers: { api, downloads },
  reference,
  title,
}: Pick<OfferProps, "offers" | "reference" | "title">): VNode | null {
  const { download, asking, problem } = downloads.view(reference);
  if (problem !== undefined) return <Refusal api={api} problem={problem} />;
  if (download?.state === "failed") return <Alert text={download.reason} />;
  if (download?.state === "running") return <ProgressLine subject={title} progress={progressOf(download)} />;
  if (download?.state === "stopped") {
    const { done_bytes: done = 0, total_bytes: total, progress } = download;
    const share = progress === undefined ? "" : ` (${formatPercent(progress)})`;
    const words = `${formatBytes(done)}${total === undefined ? "" : ` of ${formatBytes(total)}`}${share}`;
    return <p class="small muted numbers">{`Not finished: ${words} here.`}</p>;
  }
  return asking ? <p class="small muted">Asking…</p> : null;
}

function Refusal({ api, problem }: { readonly api: Api; readonly problem: Problem }): VNode {
  const forbidden = problem.code === "forbidden";
  return (
    <div class="notice bad spread wrap" role="alert">
      <span class="anywhere">{forbidden ? "Downloading requires an admin token." : problem.message}</span>
      {forbidden && (
        <button type="button" class="button tiny" onClick={() => (api.tokenAsked.value = "admin")}>
          Enter an admin token
        </button>
      )}
    </div>
  );
}
