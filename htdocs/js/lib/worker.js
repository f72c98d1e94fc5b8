export async function register(){}
