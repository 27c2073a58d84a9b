// Owns the line with the model that answers and the worker's state.
import type { VNode } from "preact";
import { ModelsButton } from "../../models/models-button.tsx";
import { usePage } from "../page.ts";
import { chooseModel } from "./model-choice.ts";
import type { WorkerAbout } from "./worker-about.ts";

export function WorkerBadge(): VNode {
  const page = usePage();
  const { about, choice, controls, conversations } = page;
  const info = about.info.value;
  const models = controls.list.statuses.value?.models;
  const badge = badgeOf(about);
  return (
    <div class={about.reachable.value ? "worker-line" : "worker-line offline"}>
      {info !== undefined && models !== undefined && (
        <ModelsButton
          controls={controls}
          chosen={models.length === 1 ? models[0] : chooseModel(models, conversations.current.value.settings.model)}
          onChoose={page.chooseModel}
          onFocus={choice.refresh}
        />
      )}
      {badge !== undefined && (
        <span class={`badge ${badge.kind}`} title={badge.word + badge.more}>
          {badge.word}
          <span class="badge-more">{badge.more}</span>
        </span>
      )}
    </div>
  );
}

interface Badge {
  readonly kind: "warn" | "bad";
  readonly word: string;
  /** What follows the word where there is room. */
  readonly more: string;
}

function badgeOf({ info, reachable }: WorkerAbout): Badge | undefined {
  if (!reachable.value) return { kind: "bad", word: "offline", more: ": the worker does not answer" };
  if (info.value?.state === "draining") return { kind: "warn", word: "draining", more: ": no new messages" };
  return info.value?.backend === "fake" ? { kind: "warn", word: "fake", more: " backend: no model" } : undefined;
}
