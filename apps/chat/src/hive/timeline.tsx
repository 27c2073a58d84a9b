// Owns how joins, losses and recoveries are told, newest first.
import type { VNode } from "preact";
import type { Happening, TimelineEntry } from "./hive-view.ts";

const words: Readonly<Record<Happening, { readonly text: string; readonly badge: string }>> = {
  joined: { text: "joined", badge: "badge good" },
  restarted: { text: "registered again", badge: "badge good" },
  back: { text: "is back", badge: "badge good" },
  stale: { text: "is stale", badge: "badge warn" },
  gone: { text: "is gone", badge: "badge bad" },
  drain: { text: "was told to drain", badge: "badge warn" },
  removed: { text: "was removed", badge: "badge" },
  left: { text: "left", badge: "badge" },
  forgotten: { text: "was forgotten", badge: "badge warn" },
};

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

export function Timeline({ entries }: { readonly entries: readonly TimelineEntry[] }): VNode {
  return (
    <section class="card" aria-labelledby="timeline-title">
      <h2 id="timeline-title">What happened</h2>
      {entries.length === 0 && <p class="muted small">Nothing yet.</p>}
      <ol class="timeline" tabIndex={0} aria-label="What happened, newest first">
        {entries.map(({ key, at, who, what }) => (
          <li key={key}>
            <time class="small muted numbers" dateTime={new Date(at).toISOString()}>
              {clock.format(at)}
            </time>
            <span class="who">{who}</span>
            <span class={words[what].badge}>{words[what].text}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}
