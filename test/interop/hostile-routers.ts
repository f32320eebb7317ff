/** Router-ids of the hostile sender's targets: by how their adverts prove where they come from. */
export const ROUTERS = { plain: 51, password: 52, hmac: 53, nobody: 99 } as const;
