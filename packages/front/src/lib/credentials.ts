// Owns where clients put their API token.

/** `Authorization: Bearer …` */
export function bearerToken(header: (name: string) => string | undefined): string | undefined {
  return /^Bearer +(\S+)$/i.exec(header("authorization") ?? "")?.[1];
}
