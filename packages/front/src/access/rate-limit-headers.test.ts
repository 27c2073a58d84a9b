import { expect, test } from "vitest";
import { rateLimitHeaders } from "./rate-limit-headers.ts";

const left = (limit: number, rest: number, full_in_ms: number) => ({ limit, left: rest, full_in_ms });

test("requests and tokens have separate headers, which are absent without a limit", () => {
  expect(rateLimitHeaders(undefined)).toEqual({});
  expect(rateLimitHeaders({ running_jobs: { limit: 2, left: 1 } })).toEqual({});
  expect(
    rateLimitHeaders({ requests_per_minute: left(60, 59, 60_500), tokens_per_minute: left(20_000, 0, 30) }),
  ).toEqual({
    "x-ratelimit-limit-requests": "60",
    "x-ratelimit-remaining-requests": "59",
    "x-ratelimit-reset-requests": "1m1s",
    "x-ratelimit-limit-tokens": "20000",
    "x-ratelimit-remaining-tokens": "0",
    "x-ratelimit-reset-tokens": "30ms",
  });
});

test("the token headers report the limit with fewer tokens left, per minute or per day", () => {
  const minute = left(10, 9, 0);
  expect(rateLimitHeaders({ tokens_per_minute: minute, tokens_per_day: left(50, 3, 86_400_000) })).toEqual({
    "x-ratelimit-limit-tokens": "50",
    "x-ratelimit-remaining-tokens": "3",
    "x-ratelimit-reset-tokens": "24h0m0s",
  });
  expect(rateLimitHeaders({ tokens_per_minute: minute, tokens_per_day: left(50, 50, 0) })).toMatchObject({
    "x-ratelimit-limit-tokens": "10",
    "x-ratelimit-reset-tokens": "0s",
  });
});
