; Copies of elements of ${size} bytes between arrays of any strides. The words are:
; target, source, axes, length of the last axis, its stride in target and source, then
; for each other axis, outermost first: size, stride in target, stride in source.

declare void @llvm.memmove.p0.p0.i64(ptr, ptr, i64, i1)

define void @tulle_copy_${size}(ptr %args, i64 %start, i64 %stop) {
  %target = load ptr, ptr %args
  %source_at = getelementptr i64, ptr %args, i64 1
  %source = load ptr, ptr %source_at
  %axes_at = getelementptr i64, ptr %args, i64 2
  %axes = load i64, ptr %axes_at
  %length_at = getelementptr i64, ptr %args, i64 3
  %length = load i64, ptr %length_at
  %there_at = getelementptr i64, ptr %args, i64 4
  %there = load i64, ptr %there_at
  %here_at = getelementptr i64, ptr %args, i64 5
  %here = load i64, ptr %here_at
  %dims = getelementptr i64, ptr %args, i64 6
  %dense_there = icmp eq i64 %there, 1
  %dense_here = icmp eq i64 %here, 1
  %dense = and i1 %dense_there, %dense_here
  %bytes = mul i64 %length, ${size}
  br label %head
head:
  %row = phi i64 [ %start, %0 ], [ %later, %done ]
  %left = icmp ult i64 %row, %stop
  br i1 %left, label %locate, label %leave
locate:
  %axis = phi i64 [ %axes, %head ], [ %outer, %step ]
  %rest = phi i64 [ %row, %head ], [ %above, %step ]
  %to = phi i64 [ 0, %head ], [ %to_next, %step ]
  %from = phi i64 [ 0, %head ], [ %from_next, %step ]
  %found = icmp eq i64 %axis, 0
  br i1 %found, label %move, label %step
step:
  %outer = sub i64 %axis, 1
  %word = mul i64 %outer, 3
  %at = getelementptr i64, ptr %dims, i64 %word
  %size = load i64, ptr %at
  %index = urem i64 %rest, %size
  %above = udiv i64 %rest, %size
  %to_at = getelementptr i64, ptr %at, i64 1
  %to_stride = load i64, ptr %to_at
  %from_at = getelementptr i64, ptr %at, i64 2
  %from_stride = load i64, ptr %from_at
  %to_way = mul i64 %index, %to_stride
  %from_way = mul i64 %index, %from_stride
  %to_next = add i64 %to, %to_way
  %from_next = add i64 %from, %from_way
  br label %locate
move:
  %t = getelementptr ${type}, ptr %target, i64 %to
  %s = getelementptr ${type}, ptr %source, i64 %from
  br i1 %dense, label %block, label %element
block:
  call void @llvm.memmove.p0.p0.i64(ptr %t, ptr %s, i64 %bytes, i1 false)
  br label %done
element:
  %place = phi i64 [ 0, %move ], [ %next, %one ]
  %within = icmp ult i64 %place, %length
  br i1 %within, label %one, label %done
one:
  %into = mul i64 %place, %there
  %out_of = mul i64 %place, %here
  %ti = getelementptr ${type}, ptr %t, i64 %into
  %si = getelementptr ${type}, ptr %s, i64 %out_of
  %value = load ${type}, ptr %si, align ${size}
  store ${type} %value, ptr %ti, align ${size}
  %next = add i64 %place, 1
  br label %element
done:
  %later = add i64 %row, 1
  br label %head
leave:
  ret void
}
