// What is known of something that is looked at from time to time. "unknown": it has not been looked at yet.

export type HealthState = "unknown" | "up" | "down";
