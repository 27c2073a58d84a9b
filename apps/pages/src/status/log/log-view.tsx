// Owns the view of the log's last lines, with a filter and a pause.
import { useSignal } from "@preact/signals";
import type { LogLine } from "@waggle/protocol";
import type { VNode } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { fieldWords, isWanted, levels } from "./log-words.ts";
import type { WorkerWatch } from "../watch-worker.ts";
import { formatTime } from "../../parts/format.ts";
import { Button } from "../../parts/icons.tsx";

/** Within this distance, the visitor counts as being at the end. */
const nearEndPx = 24;

export function LogView({ watch }: { readonly watch: WorkerWatch }): VNode {
  const log = watch.log.value;
  const held = useSignal<readonly LogLine[] | undefined>(undefined);
  const words = useSignal("");
  const least = useSignal<LogLine["level"]>("trace");
  if (log === "refused") {
    return (
      <section class="card" aria-labelledby="log-title">
        <h2 id="log-title">Log</h2>
        <p class="small muted">Only an API token marked admin shows the log.</p>
      </section>
    );
  }
  const all = held.value ?? log;
  const shown = all.filter((line) => isWanted(line, least.value, words.value.trim().toLowerCase()));
  return (
    <section class="card" aria-labelledby="log-title">
      <div class="spread wrap log-controls">
        <h2 id="log-title">Log</h2>
        <span class="row end">
          <input
            class="input small"
            type="search"
            placeholder="Filter"
            aria-label="Filter the log"
            value={words.value}
            onInput={(event) => (words.value = event.currentTarget.value)}
          />
          <select
            class="choice small"
            aria-label="Minimum level"
            value={least.value}
            onChange={(event) => (least.value = levels.find((level) => level === event.currentTarget.value) ?? "trace")}
          >
            <option value="trace">all levels</option>
            <option value="info">info and above</option>
            <option value="warn">warnings and errors</option>
            <option value="error">errors</option>
          </select>
          <Button
            label={held.value === undefined ? "Pause" : "Paused"}
            aria-pressed={held.value !== undefined}
            onClick={() => (held.value = held.value === undefined ? log : undefined)}
          />
        </span>
      </div>
      {shown.length === 0 ? (
        <p class="small muted">{all.length === 0 ? "No lines yet." : "No line matches."}</p>
      ) : (
        <Lines lines={shown} />
      )}
    </section>
  );
}

/** The lines, which scroll with new lines while the visitor is at the end. */
function Lines({ lines }: { readonly lines: readonly LogLine[] }): VNode {
  const list = useRef<HTMLOListElement>(null);
  const atEnd = useRef(true);
  useLayoutEffect(() => {
    if (atEnd.current) list.current?.scrollTo(0, list.current.scrollHeight);
  }, [lines]);
  return (
    <ol
      class="log-lines mono small"
      ref={list}
      tabIndex={0}
      aria-label="Log lines, oldest first"
      onScroll={({ currentTarget: at }) => {
        atEnd.current = at.scrollHeight - at.scrollTop - at.clientHeight < nearEndPx;
      }}
    >
      {lines.map((line) => (
        <li key={line.seq} data-level={line.level}>
          <time class="muted" dateTime={line.time}>
            {formatTime(Date.parse(line.time))}
          </time>{" "}
          <span class="level">{line.level}</span> <span>{line.message}</span>{" "}
          <span class="muted">{fieldWords(line.fields)}</span>
        </li>
      ))}
    </ol>
  );
}
