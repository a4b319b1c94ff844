than a thumbnail count as one. At 32 px, pairs of others reach at most 0.932 of 1,124 real images and 0.943 of 2,500
generated ones; of copies by JPEG of quality 60 (in 64 px), and of brighter ones, 97 % reach 0.95."""
_IMAGES_AT_A_TIME = 256
