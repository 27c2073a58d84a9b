// Sends a request and refuses redirects. The protocol has no redirects, and to follow one would send the request and its token to another server.
//
// fetch has `redirect: "error"` for this. With it, Node 20 and 22 forget the signal of a request whose garbage is collected (undici, issue 4627):
// an abort then does not end the body, and a stream that was left continues.

const redirects: readonly number[] = [301, 302, 303, 307, 308];

/** @throws what `fetch` throws; an error also for a redirect */
export async function fetchDirectly(fetch: typeof globalThis.fetch, url: string, init: RequestInit): Promise<Response> {
  const response = await fetch(url, { ...init, redirect: "manual" });
  // A browser hides the status of a redirect.
  if (response.type !== "opaqueredirect" && !redirects.includes(response.status)) return response;
  await response.body?.cancel();
  throw new Error("a redirect");
}
