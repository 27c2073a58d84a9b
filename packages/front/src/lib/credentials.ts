// Owns where clients put their API token.

/** `Authorization: Bearer …`, or `X-Api-Key: …` as Anthropic's clients send it. */
export function apiToken(header: (name: string) => string | undefined): string | undefined {
  const bearer = /^Bearer +(\S+)$/i.exec(header("authorization") ?? "")?.[1];
  return bearer ?? /^\S+$/.exec(header("x-api-key") ?? "")?.[0];
}
