export function render(t){const f=document.createDocumentFragment();const p=document.createElement('p');p.textContent=t;f.append(p);return f;}
