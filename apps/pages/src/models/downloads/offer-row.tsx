// Owns the row of a model that can be downloaded: one button for what comes next, and the progress or the problem below.
import type { VNode } from "preact";
import { useLayoutEffect } from "preact/hooks";
import { Alert } from "../../parts/alert.tsx";
import { formatPercent } from "../../parts/format.ts";
import { Button } from "../../parts/icons.tsx";
import { Refusal } from "../changes/change-line.tsx";
import { ProgressLine } from "../changes/progress-line.tsx";
import type { ModelControls } from "../model-controls.ts";
import { ModelItem, type ModelItemProps } from "../model-item.tsx";
import { progressOf, sizeHereWords } from "../model-words.ts";
import type { DownloadView } from "./downloads.ts";

/** What rows of models need of the dialog, the page or the panel that shows them. */
export interface Offers {
  readonly controls: ModelControls;
  /** The model of this conversation. */
  readonly chosen?: string | undefined;
  /** Absent where no conversation is. */
  readonly onUse?: (model: string) => void;
}

export interface OfferRowProps extends Omit<ModelItemProps, "buttons" | "children"> {
  readonly offers: Offers;
  readonly reference: string;
  /** The worker's model that had the file when the row was listed. */
  readonly model?: string | undefined;
  readonly primary?: boolean;
  /** For a row that exists only while no other row shows the reference. */
  readonly isRest?: boolean;
}

export function OfferRow({ offers, reference, model, primary, isRest = false, ...item }: OfferRowProps): VNode {
  const { downloads } = offers.controls;
  const view = downloads.view(reference);
  // Counts the row before a frame shows the download in two rows.
  useLayoutEffect(() => (isRest ? undefined : downloads.show(reference)), [downloads, reference, isRest]);
  const buttons = <Buttons {...{ offers, reference, model, primary, view }} title={item.title} />;
  return (
    <ModelItem {...item} buttons={buttons}>
      <State {...{ offers, view }} title={item.title} />
    </ModelItem>
  );
}

interface ViewProps {
  readonly offers: Offers;
  readonly view: DownloadView;
  readonly title: string;
}

interface ButtonsProps extends ViewProps {
  readonly reference: string;
  readonly model: string | undefined;
  readonly primary: boolean | undefined;
}

function Buttons({ offers, reference, title, model, primary = false, view }: ButtonsProps): VNode {
  const { controls, chosen, onUse } = offers;
  const { downloads, list } = controls;
  const { download, asking: disabled } = view;
  const names = [download?.state === "done" ? download.name : undefined, model];
  const here = list.statuses.value?.models.find(({ name }) => names.includes(name))?.name;
  if (here !== undefined) {
    if (onUse === undefined) return <span class="badge good">here</span>;
    if (here === chosen) return <span class="badge">in use</span>;
    return <Button label="Use" kind="tiny primary" aria-label={`Use ${here}`} onClick={() => onUse(here)} />;
  }
  const what = `the download of ${title}`;
  const kind = primary ? "tiny primary" : "tiny";
  const start = { kind, disabled, onClick: () => void downloads.start(reference) };
  switch (download?.state) {
    case "done":
      return <span class="badge">downloaded</span>;
    case "running":
      return (
        <Button
          label="Stop"
          aria-label={`Stop: ${what}`}
          {...{ disabled }}
          onClick={() => void downloads.stop(reference)}
        />
      );
    case "stopped":
    case "failed": {
      const label = download.state === "failed" ? "Try again" : "Continue";
      return (
        <>
          <RemoveButton {...{ offers, title, disabled }} wanted={reference} />
          <Button {...{ label, ...start }} aria-label={`${label}: ${what}`} />
        </>
      );
    }
    case undefined:
      return <Button label="Download" aria-label={`Download: ${title}`} {...start} />;
  }
}

interface RemoveButtonProps {
  readonly offers: Offers;
  readonly title: string;
  /** The download's reference, or its name without one. */
  readonly wanted: string;
  readonly disabled: boolean;
}

export function RemoveButton({ offers, title, wanted, disabled }: RemoveButtonProps): VNode {
  const remove = (): void => void offers.controls.downloads.remove(wanted);
  return <Button label="Remove" aria-label={`Remove: ${title}`} {...{ disabled }} onClick={remove} />;
}

/** The progress, the reason of a failure, or how much of a stopped download is here. */
function State({ offers, view: { download, asking, problem }, title }: ViewProps): VNode | null {
  if (problem !== undefined) return <Refusal api={offers.controls.api} problem={problem} what="Download" />;
  switch (download?.state) {
    case "failed":
      return <Alert text={download.reason} />;
    case "running":
      return <ProgressLine subject={title} progress={progressOf(download)} />;
    case "stopped": {
      const share = download.progress === undefined ? "" : ` (${formatPercent(download.progress)})`;
      return <p class="small muted numbers">{`Not finished: ${sizeHereWords(download) ?? "0 B"}${share} here.`}</p>;
    }
    case "done":
    case undefined:
      return asking ? <p class="small muted">Asking…</p> : null;
  }
}
