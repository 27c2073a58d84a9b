// Owns the list of events, newest first: workers and gateways that join, leave and return.
import type { VNode } from "preact";
import type { Happening, TimelineEntry } from "./state/hive-view.ts";
import { formatClock } from "../parts/format.ts";

const words: Readonly<Record<Happening, { readonly text: string; readonly badge: string }>> = {
  joined: { text: "joined", badge: "badge good" },
  restarted: { text: "registered again", badge: "badge good" },
  engine: { text: "restarted its engine", badge: "badge warn" },
  back: { text: "is back online", badge: "badge good" },
  stale: { text: "is late", badge: "badge warn" },
  gone: { text: "is offline", badge: "badge bad" },
  drain: { text: "is asked to drain", badge: "badge warn" },
  left: { text: "left", badge: "badge" },
  unlisted: { text: "is no longer listed", badge: "badge" },
  removed: { text: "was removed", badge: "badge" },
  forgotten: { text: "was forgotten", badge: "badge warn" },
};

export function Events({ entries }: { readonly entries: readonly TimelineEntry[] }): VNode {
  return (
    <section class="card" aria-labelledby="events-title">
      <h2 id="events-title">Events</h2>
      {entries.length === 0 ? (
        <p class="muted small">No events yet.</p>
      ) : (
        <ol class="events" tabIndex={0} aria-label="Events, newest first">
          {entries.map(({ key, at, who, what }) => (
            <li key={key}>
              <time class="small muted numbers" dateTime={new Date(at).toISOString()}>
                {formatClock(at)}
              </time>
              <span class="who">{who}</span>
              <span class={words[what].badge}>{words[what].text}</span>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
