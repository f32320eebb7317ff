// The two processes that the supervisor starts and keeps.

export type ChildName = "vrrp" | "checks";
