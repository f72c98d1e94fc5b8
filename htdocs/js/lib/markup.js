export const parse=(t)=>[];export const isOnlyEmoji=()=>false;export const plain=(t)=>t;export const mentions=()=>false;
