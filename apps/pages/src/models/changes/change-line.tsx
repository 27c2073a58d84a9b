// Owns the line of a running or failed change of a model.
import type { VNode } from "preact";
import type { Api } from "../../wire/api.ts";
import type { Change, ChangeKind } from "./changes.ts";
import { ProgressLine } from "./progress-line.tsx";

const words: Readonly<Record<ChangeKind, readonly [name: string, underWay: string]>> = {
  load: ["Load", "Requesting the load…"],
  unload: ["Unload", "Unloading after the last job…"],
  pin: ["Pin", "Pinning…"],
  unpin: ["Unpin", "Unpinning…"],
  delete: ["Delete", "Deleting…"],
  swap: ["Swap", "Requesting the other file…"],
};

export interface ChangeLineProps {
  readonly api: Api;
  readonly change: Change;
  readonly onDismiss: (change: Change) => void;
}

export function ChangeLine({ api, change, onDismiss }: ChangeLineProps): VNode | null {
  const { kind, subject, state, progress, problem } = change;
  const [name, underWay] = words[kind];
  if (state === "failed") {
    const forbidden = problem?.code === "forbidden";
    return (
      <div class="notice bad spread wrap anywhere" role="alert">
        <span>
          <strong>{name}</strong>: {forbidden ? "it requires an admin token." : problem?.message}
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
            aria-label={`Dismiss: ${name} ${subject}`}
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
      {underWay}
    </p>
  ) : (
    <ProgressLine progress={progress} subject={subject} />
  );
}
