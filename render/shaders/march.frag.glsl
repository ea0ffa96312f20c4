// March pass: one ray per pixel through the field of the packed atlas, then the shading network.
//
// The rules are those of SCENE.md, "A ray", and the numbers those of render/march_kernels.py:
// sample i of a ray sits at start + (i + 0.5) * STEP, and skipping lands on that lattice again.
// The header before this text gives the constants, the struct Features and the function network.

#if CODE_BITS == 8
#define CODES vec4
vec4 unpackWord(uint word) {
  return vec4(word & 255u, (word >> 8) & 255u, (word >> 16) & 255u, word >> 24);
}
#else
#define CODES vec2
vec2 unpackWord(uint word) {
  return vec2(word & 65535u, word >> 16);
}
#endif

uniform isampler3D uCells;    // (z, y, x): number of an active cell, or minus the distance to one
uniform usampler2D uCorners;  // two texels per active cell: atlas row << 16 | atlas column
uniform usampler2D uAtlas;    // what the pack pass draws
uniform int uAtlasRows;       // of one texel layer
uniform CODES uMinimum[WORDS];  // value of the lowest code, per channel
uniform CODES uStep[WORDS];     // value difference of neighboring codes, per channel

uniform vec3 uOrigin;   // of all rays, in voxels from vertex (0, 0, 0)
uniform vec3 uRight;    // camera axes in world space, unit length
uniform vec3 uDown;
uniform vec3 uForward;
uniform vec2 uCenter;   // principal point in pixels; on a screen, whose row 0 is the lowest, y is
uniform vec2 uFocal;    // height - center and the focal length of y is negative
uniform vec2 uPicture;  // width and height in pixels
uniform int uMode;      // 0 color, 1 opacity, 2 sample count, 3 atlas, 4 occupancy, 5 depth

layout(location = 0) out highp vec4 oColor;  // color and opacity
#ifdef WITH_DEPTH
layout(location = 1) out highp float oDepth;  // weighted mean distance in scene units
#endif

#define EMPTY_TEXEL 0xFFFFFFFFu
#define FAR 1e30
#define HOT_SAMPLE_COUNT 96.0
#define OCCUPANCY_BLOCK 8  // cells along one side of what has one color

struct Ray {
  vec3 origin;
  vec3 direction;
  vec3 inverse;  // 1 / direction, 0 where that has no end
  vec3 never;    // FAR along axes that the ray does not move on
  vec3 side;     // 1 along axes on which it moves up
  float start;
  float end;
  int count;     // of samples
};

struct Sample {
  int cell;
  float distance;
  vec3 fraction;  // position in the cell
};

void clipAxis(inout vec2 span, float origin, float direction, float size) {
  if (direction == 0.0) {
    if (origin < 0.0 || origin > size) span = vec2(1.0, 0.0);
    return;
  }
  float a = -origin / direction;
  float b = (size - origin) / direction;
  span = vec2(max(span.x, min(a, b)), min(span.y, max(a, b)));
}

Ray rayOfPixel() {
  vec2 slope = (gl_FragCoord.xy - uCenter) / uFocal;
  Ray ray;
  ray.origin = uOrigin;
  ray.direction = normalize(slope.x * uRight + slope.y * uDown + uForward);
  vec2 span = vec2(0.0, FAR);
  clipAxis(span, ray.origin.x, ray.direction.x, float(CELLS.x));
  clipAxis(span, ray.origin.y, ray.direction.y, float(CELLS.y));
  clipAxis(span, ray.origin.z, ray.direction.z, float(CELLS.z));
  bvec3 isStill = equal(ray.direction, vec3(0.0));
  ray.inverse = mix(1.0 / ray.direction, vec3(0.0), isStill);
  ray.never = mix(vec3(0.0), vec3(FAR), isStill);
  ray.side = vec3(greaterThan(ray.direction, vec3(0.0)));
  ray.start = span.x;
  ray.end = span.y;
  ray.count = span.y > span.x ? int(floor((span.y - span.x) / STEP)) : 0;
  return ray;
}

// The first sample at or after `index` in an active cell; `index` becomes its own, or the count.
Sample nextSample(Ray ray, inout int index) {
  Sample here = Sample(0, 0.0, vec3(0.0));
  while (index < ray.count) {
    here.distance = ray.start + (float(index) + 0.5) * STEP;
    vec3 position = ray.origin + here.distance * ray.direction;
    ivec3 cell = clamp(ivec3(floor(position)), ivec3(0), CELLS - 1);
    here.cell = texelFetch(uCells, cell.zyx, 0).r;
    here.fraction = position - vec3(cell);
    if (here.cell >= 0) break;
    // The cube of empty cells that the stored distance promises, and where the ray leaves it.
    float radius = float(-here.cell - 1);
    vec3 bound = vec3(cell) - radius + ray.side * (2.0 * radius + 1.0);
    vec3 leave = (bound - ray.origin) * ray.inverse + ray.never;
    float nearest = min(leave.x, min(leave.y, leave.z));
    index = max(index + 1, int(ceil((nearest - ray.start) / STEP - 0.5)));
  }
  return here;
}

// What remains of light after one step through a density before activation:
// (1 + exp(density)) ** -STEP.
float passThrough(float density) {
  float e = exp(min(density, MAX_DENSITY));
  // log(1 + e) loses all digits of a small e, so there a series takes its place.
  float z = e / (2.0 + e);
  float zz = z * z;
  float series = z * (2.0 + zz * (2.0 / 3.0 + zz * (2.0 / 5.0 + zz * (2.0 / 7.0))));
  return exp(-STEP * (e < 0.25 ? series : log(1.0 + e)));
}

ivec2 texelOf(uint entry) {
  return entry == EMPTY_TEXEL ? ivec2(0) : ivec2(entry & 65535u, entry >> 16);
}

#define ADD_WORD(name, word, i) sum.name += weight * unpackWord(word);
#define FETCH_LAYER(name, l) uvec4 name = texelFetch(uAtlas, at + ivec2(0, l * uAtlasRows), 0);

void addTexel(inout Features sum, uvec4 t0, ivec2 at, float weight) {
  EACH_MORE_LAYER(FETCH_LAYER)
  EACH_WORD(ADD_WORD)
}

struct Light {
  Features features;   // weighted codes, later values
  float coverage;      // weight of the corners that have texels
  float transmittance;
  float distance;      // weighted
  int samples;         // whose density was looked at
};

void addSample(inout Light light, Sample here) {
  ivec2 place = ivec2(2 * (here.cell % CORNER_COLUMNS), here.cell / CORNER_COLUMNS);
  uvec4 low = texelFetch(uCorners, place, 0);
  uvec4 high = texelFetch(uCorners, place + ivec2(1, 0), 0);
  vec3 f = here.fraction;
  vec3 g = 1.0 - f;
  // z fastest, then y: the corners of the lower x, then those of the upper one.
  vec4 sides = vec4(g.y * g.z, g.y * f.z, f.y * g.z, f.y * f.z);
  vec4 lowWeights = mix(g.x * sides, vec4(0.0), equal(low, uvec4(EMPTY_TEXEL)));
  vec4 highWeights = mix(f.x * sides, vec4(0.0), equal(high, uvec4(EMPTY_TEXEL)));
  ivec2 p0 = texelOf(low.x), p1 = texelOf(low.y), p2 = texelOf(low.z), p3 = texelOf(low.w);
  ivec2 p4 = texelOf(high.x), p5 = texelOf(high.y), p6 = texelOf(high.z), p7 = texelOf(high.w);
  uvec4 t0 = texelFetch(uAtlas, p0, 0), t1 = texelFetch(uAtlas, p1, 0);
  uvec4 t2 = texelFetch(uAtlas, p2, 0), t3 = texelFetch(uAtlas, p3, 0);
  uvec4 t4 = texelFetch(uAtlas, p4, 0), t5 = texelFetch(uAtlas, p5, 0);
  uvec4 t6 = texelFetch(uAtlas, p6, 0), t7 = texelFetch(uAtlas, p7, 0);

  const uint CODE_MASK = uint((1 << CODE_BITS) - 1);
  vec4 lowCodes = vec4(uvec4(t0.x, t1.x, t2.x, t3.x) & CODE_MASK);
  vec4 highCodes = vec4(uvec4(t4.x, t5.x, t6.x, t7.x) & CODE_MASK);
  float covered = dot(lowWeights + highWeights, vec4(1.0));
  float code = dot(lowWeights, lowCodes) + dot(highWeights, highCodes);
  float density = uMinimum[0].x * covered + uStep[0].x * code + EMPTY_DENSITY * (1.0 - covered);
  float alpha = 1.0 - passThrough(density);
  light.samples += 1;
  if (alpha < MIN_ALPHA) return;

  float weight = light.transmittance * alpha;
  light.coverage += weight * covered;
  light.distance += weight * here.distance;
  light.transmittance *= 1.0 - alpha;
  lowWeights *= weight;
  highWeights *= weight;
  addTexel(light.features, t0, p0, lowWeights.x);
  addTexel(light.features, t1, p1, lowWeights.y);
  addTexel(light.features, t2, p2, lowWeights.z);
  addTexel(light.features, t3, p3, lowWeights.w);
  addTexel(light.features, t4, p4, highWeights.x);
  addTexel(light.features, t5, p5, highWeights.y);
  addTexel(light.features, t6, p6, highWeights.z);
  addTexel(light.features, t7, p7, highWeights.w);
}

#define CLEAR_WORD(name, word, i) light.features.name = CODES(0.0);
#define SCALE_WORD(name, word, i) light.features.name *= uStep[i];
#define SHIFT_WORD(name, word, i) light.features.name += uMinimum[i] * light.coverage;

Light march(Ray ray) {
  Light light;
  EACH_WORD(CLEAR_WORD)
  light.coverage = 0.0;
  light.transmittance = 1.0;
  light.distance = 0.0;
  light.samples = 0;
  int index = 0;
  for (;;) {
    Sample here = nextSample(ray, index);
    if (index >= ray.count || light.transmittance < MIN_TRANSMITTANCE) break;
    addSample(light, here);
    index += 1;
  }
  EACH_WORD(SCALE_WORD)
  EACH_WORD(SHIFT_WORD)
  return light;
}

vec3 heat(float value) {
  float x = clamp(value, 0.0, 1.0);
  return clamp(vec3(3.0 * x, 3.0 * x - 1.0, 3.0 * x - 2.0), 0.0, 1.0);
}

// Density and the first two features of the texels, stretched over the picture.
vec3 atlasColor() {
  float row = uFocal.y < 0.0 ? uPicture.y - gl_FragCoord.y : gl_FragCoord.y;
  vec2 place = vec2(gl_FragCoord.x, row) / uPicture;
  ivec2 size = ivec2(textureSize(uAtlas, 0).x, uAtlasRows);
  uvec4 texel = texelFetch(uAtlas, min(ivec2(place * vec2(size)), size - 1), 0);
#if CODE_BITS == 8
  return unpackWord(texel.x).xyz / 255.0;
#else
  // Codes of 10 bits fill only part of their 16.
  return min(vec3(unpackWord(texel.x), unpackWord(texel.y).x) / 1023.0, 1.0);
#endif
}

// The first active cell that the ray meets, as a small box: each face of it lit in its own way,
// blocks of cells in colors of their own, darker with distance.
vec3 occupancyColor(Ray ray) {
  int index = 0;
  Sample here = nextSample(ray, index);
  if (index >= ray.count) return BACKGROUND;
  vec3 cell = floor(ray.origin + here.distance * ray.direction);
  // The ray came in where it met the last of the three near faces.
  vec3 enter = (cell + 1.0 - ray.side - ray.origin) * ray.inverse - ray.never;
  float latest = max(enter.x, max(enter.y, enter.z));
  float light = latest == enter.z ? 1.0 : latest == enter.y ? 0.85 : 0.7;
  ivec3 block = ivec3(cell) / OCCUPANCY_BLOCK;
  int number = (block.x * 73 + block.y * 151 + block.z * 199) & 255;
  vec3 hue = 0.5 + 0.5 * cos(2.4 * float(number) + vec3(0.0, 2.1, 4.2));
  float depth = (here.distance - ray.start) / max(ray.end - ray.start, 1e-6);
  return light * (0.6 + 0.4 * hue) * (1.0 - 0.5 * depth);
}

vec3 debugColor(Ray ray, Light light, float mean) {
  if (uMode == 1) return vec3(1.0 - light.transmittance);
  if (uMode == 2) return heat(float(light.samples) / HOT_SAMPLE_COUNT);
  if (uMode == 3) return atlasColor();
  if (uMode == 4) return occupancyColor(ray);
  // Near is bright; what shows nothing is black.
  float depth = (mean - ray.start) / max(ray.end - ray.start, 1e-6);
  return light.transmittance < 1.0 ? vec3(1.0 - 0.9 * clamp(depth, 0.0, 1.0)) : vec3(0.0);
}

void main() {
  Ray ray = rayOfPixel();
  Light light = march(ray);
  float opacity = 1.0 - light.transmittance;
  float mean = light.distance / max(opacity, 1e-6);
  vec3 color = BACKGROUND;
  if (uMode != 0) {
    color = debugColor(ray, light, mean);
  } else if (opacity > 0.0) {
    color = opacity * network(light.features, ray.direction) + light.transmittance * BACKGROUND;
  }
  oColor = vec4(color, opacity);
#ifdef WITH_DEPTH
  oDepth = opacity > 0.0 ? mean * VOXEL_SIZE : 0.0;
#endif
}
