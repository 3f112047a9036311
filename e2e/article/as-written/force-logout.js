// The article has no code for it: "a button on your app, perhaps".
export const ForceLogout = () => null
