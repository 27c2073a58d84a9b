// Owns the line of a running or failed change of a model.
import type { VNode } from "preact";
import type { Api } from "../../wire/api.ts";
import type { Change, ChangeKind } from "./changes.ts";
import { ProgressLine } from "./progress-line.tsx";

const underWay: Readonly<Record<ChangeKind, string>> = {
  load: "Requesting the load…",
  unload: "Unloading after the last job…",
  pin: "Pinning…",
  unpin: "Unpinning…",
  delete: "Deleting…",
  swap: "Requesting the other file…",
};

const failed: Readonly<Record<ChangeKind, string>> = {
  load: "Load",
  unload: "Unload",
  pin: "Pin",
  unpin: "Unpin",
  delete: "Delete",
  swap: "Swap",
};

export interface ChangeLineProps {
  readonly api: Api;
  readonly change: Change;
  readonly onDismiss: (change: Change) => void;
}

export function ChangeLine({ api, change, onDismiss }: ChangeLineProps): VNode | null {
  const { kind, subject, state, progress, problem } = change;
  if (state === "failed") {
    const forbidden = problem?.code === "forbidden";
    return (
      <div class="notice bad spread change" role="alert">
        <span>
          <strong>{failed[kind]}</strong>: {forbidden ? "it requires an admin token." : problem?.message}
        </span>
        <span class="row">
          {forbidden && (
            <button type="button" class="button tiny" onClick={() => (api.tokenAsked.value = "admin")}>
              Enter an admin token
            </button>
          )}
          <button
            type="button"
            class="button tiny"
            aria-label={`Dismiss: ${failed[kind]} ${subject}`}
            onClick={() => onDismiss(change)}
          >
            Dismiss
          </button>
        </span>
      </div>
    );
  }
  return progress === undefined ? (
    <p class="small muted" role="status">
      {underWay[kind]}
    </p>
  ) : (
    <ProgressLine progress={progress} subject={subject} />
  );
}
